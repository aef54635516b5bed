// The programs of Kubernetes in one, so that what they share is compiled and stored once:
//
//	kubernetes serve --data-dir=DIR <flags of kube-apiserver...>   the real API server with an etcd inside
//	kubernetes kubectl <arguments...>                              the real kubectl of the same version
//	kubernetes PART <flags of that part...>                        on Linux, see parts_linux.go
package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	_ "time/tzdata" // a time zone is known without files of this machine

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

// parts has what each name runs, with the arguments after it; its exit code.
var parts = map[string]func(arguments []string) int{
	"serve":   serve,
	"kubectl": runKubectl,
}

func main() {
	if len(os.Args) > 1 {
		if run, known := parts[os.Args[1]]; known {
			os.Args = os.Args[1:] // some parts read it themselves
			os.Exit(run(os.Args[1:]))
		}
	}
	fail("usage: kubernetes PART ...; PART is one of " + strings.Join(slices.Sorted(maps.Keys(parts)), ", "))
}

func runKubectl([]string) int {
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
	return 0
}

// command makes a part of a program of Kubernetes.
func command(program func() *cobra.Command) func([]string) int {
	return func(arguments []string) int {
		made := program()
		made.SetArgs(arguments)
		return cli.Run(made)
	}
}

func fail(reason string) {
	fmt.Fprintln(os.Stderr, reason)
	os.Exit(1)
}
