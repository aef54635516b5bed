package main

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

const etcdPatience = 60 * time.Second

// serve takes --data-dir for etcd and hands all other flags to the API server, which listens on 127.0.0.1 only.
func serve(flags []string) int {
	const own = "--data-dir="
	if len(flags) == 0 || !strings.HasPrefix(flags[0], own) {
		fail("the first flag of serve is --data-dir=DIR")
	}
	servers := startEtcd(strings.TrimPrefix(flags[0], own))
	command := app.NewAPIServerCommand()
	command.SetArgs(append(flags[1:], "--etcd-servers="+servers))
	return cli.Run(command)
}

// startEtcd returns the URL of an etcd of this process once it answers. It does not wait for the disk: what it
// keeps is thrown away after the tests.
func startEtcd(dir string) string {
	config := embed.NewConfig()
	config.Dir = filepath.Join(dir, "etcd")
	config.UnsafeNoFsync = true
	config.LogLevel = "error"
	config.LogOutputs = []string{filepath.Join(dir, "etcd.log")}
	client, peer := freeAddress(), freeAddress()
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	if err := os.MkdirAll(config.Dir, 0o700); err != nil {
		fail(err.Error())
	}
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		fail("etcd: " + err.Error())
	}
	select {
	case <-etcd.Server.ReadyNotify():
	case <-time.After(etcdPatience):
		fail("etcd does not get ready")
	}
	return client.String()
}

func freeAddress() url.URL {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err.Error())
	}
	defer listener.Close()
	return url.URL{Scheme: "http", Host: listener.Addr().String()}
}
