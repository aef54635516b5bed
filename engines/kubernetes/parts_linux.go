package main

import (
	"context"
	"os"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// What a cluster with pods needs besides. Only Linux can run pods, so nothing else is made to compile it.
func init() {
	parts["etcd"] = runEtcd
	parts["coredns"] = runCoreDNS
	parts["render"] = render
	parts["kube-apiserver"] = command(apiserver.NewAPIServerCommand)
	parts["kube-controller-manager"] = command(controllers.NewControllerManagerCommand)
	parts["kube-scheduler"] = command(func() *cobra.Command { return scheduler.NewSchedulerCommand() })
	parts["kubelet"] = command(func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) })
	parts["kube-proxy"] = command(proxy.NewProxyCommand)
}

func runEtcd([]string) int {
	etcdmain.Main(os.Args)
	return 0
}

func runCoreDNS([]string) int {
	// Without this list it starts no plugin at all. A query meets them in this order.
	dnsserver.Directives = []string{"errors", "cache", "kubernetes"}
	coremain.Run()
	return 0
}
