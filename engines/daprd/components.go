package main

import (
	nameresolutionkubernetes "github.com/dapr/components-contrib/nameresolution/kubernetes"
	"github.com/dapr/components-contrib/nameresolution/mdns"
	nameresolutionsqlite "github.com/dapr/components-contrib/nameresolution/sqlite"
	pubsubmemory "github.com/dapr/components-contrib/pubsub/in-memory"
	"github.com/dapr/components-contrib/pubsub/kafka"
	pubsubredis "github.com/dapr/components-contrib/pubsub/redis"
	secretkubernetes "github.com/dapr/components-contrib/secretstores/kubernetes"
	secretenv "github.com/dapr/components-contrib/secretstores/local/env"
	secretfile "github.com/dapr/components-contrib/secretstores/local/file"
	statememory "github.com/dapr/components-contrib/state/in-memory"
	stateredis "github.com/dapr/components-contrib/state/redis"
	statesqlite "github.com/dapr/components-contrib/state/sqlite"
	"github.com/dapr/dapr/pkg/components/nameresolution"
	"github.com/dapr/dapr/pkg/components/pubsub"
	"github.com/dapr/dapr/pkg/components/secretstores"
	"github.com/dapr/dapr/pkg/components/state"
)

func registerComponents() {
	registerPubSubs(pubsub.DefaultRegistry)
	registerStates(state.DefaultRegistry)
	registerSecretStores(secretstores.DefaultRegistry)
	registerNameResolutions(nameresolution.DefaultRegistry)
}

func registerPubSubs(to *pubsub.Registry) {
	to.RegisterComponent(pubsubmemory.New, "in-memory")
	to.RegisterComponent(kafka.NewKafka, "kafka")
	to.RegisterComponent(pubsubredis.NewRedisStreams, "redis")
}

func registerStates(to *state.Registry) {
	to.RegisterComponent(statememory.NewInMemoryStateStore, "in-memory")
	to.RegisterComponent(stateredis.NewRedisStateStore, "redis")
	to.RegisterComponent(statesqlite.NewSQLiteStateStore, "sqlite")
}

func registerSecretStores(to *secretstores.Registry) {
	to.RegisterComponent(secretenv.NewEnvSecretStore, "local.env")
	to.RegisterComponent(secretfile.NewLocalSecretStore, "local.file")
	to.RegisterComponent(secretkubernetes.NewKubernetesSecretStore, "kubernetes")
}

func registerNameResolutions(to *nameresolution.Registry) {
	to.RegisterComponent(mdns.NewResolver, "mdns")
	to.RegisterComponent(nameresolutionsqlite.NewResolver, "sqlite")
	to.RegisterComponent(nameresolutionkubernetes.NewResolver, "kubernetes")
}
