// Command daprd is Dapr's sidecar with only the components that Outboard is compared on.
package main

import (
	"github.com/dapr/components-contrib/nameresolution/mdns"
	nameresolutionsqlite "github.com/dapr/components-contrib/nameresolution/sqlite"
	pubsubmemory "github.com/dapr/components-contrib/pubsub/in-memory"
	"github.com/dapr/components-contrib/pubsub/kafka"
	pubsubredis "github.com/dapr/components-contrib/pubsub/redis"
	secretenv "github.com/dapr/components-contrib/secretstores/local/env"
	secretfile "github.com/dapr/components-contrib/secretstores/local/file"
	statememory "github.com/dapr/components-contrib/state/in-memory"
	stateredis "github.com/dapr/components-contrib/state/redis"
	statesqlite "github.com/dapr/components-contrib/state/sqlite"
	"github.com/dapr/dapr/cmd/daprd/app"
	"github.com/dapr/dapr/pkg/components/nameresolution"
	"github.com/dapr/dapr/pkg/components/pubsub"
	"github.com/dapr/dapr/pkg/components/secretstores"
	"github.com/dapr/dapr/pkg/components/state"
)

func main() {
	registerPubSubs(pubsub.DefaultRegistry)
	registerStates(state.DefaultRegistry)
	registerSecretStores(secretstores.DefaultRegistry)
	registerNameResolutions(nameresolution.DefaultRegistry)
	app.Run()
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
}

func registerNameResolutions(to *nameresolution.Registry) {
	to.RegisterComponent(mdns.NewResolver, "mdns")
	to.RegisterComponent(nameresolutionsqlite.NewResolver, "sqlite")
}
