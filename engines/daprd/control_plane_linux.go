package main

import (
	injector "github.com/dapr/dapr/cmd/injector/app"
	operator "github.com/dapr/dapr/cmd/operator/app"
	placement "github.com/dapr/dapr/cmd/placement/app"
	sentry "github.com/dapr/dapr/cmd/sentry/app"
)

// Only Linux can run pods, so nothing else is made to compile it. The scheduler is not here: a module that it needs,
// go-etcd-cron, is refused by Go's module proxy.
func init() {
	controlPlane["injector"] = injector.Run
	controlPlane["operator"] = operator.Run
	controlPlane["placement"] = placement.Run
	controlPlane["sentry"] = sentry.Run
}
