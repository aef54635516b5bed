package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

// render CHART NAMESPACE RELEASE VALUES.yaml writes the manifests of a Helm chart, as `helm template` does.
func render(arguments []string) int {
	if err := renderTo(os.Stdout, arguments); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		return 1
	}
	return 0
}

func renderTo(out io.Writer, arguments []string) error {
	if len(arguments) != 4 {
		return errors.New("usage: render CHART NAMESPACE RELEASE VALUES.yaml")
	}
	chart, err := loader.Load(arguments[0])
	if err != nil {
		return err
	}
	given, err := chartutil.ReadValuesFile(arguments[3])
	if err != nil {
		return err
	}
	if err := chartutil.ProcessDependencies(chart, given); err != nil { // which parts the values leave out
		return err
	}
	release := chartutil.ReleaseOptions{Namespace: arguments[1], Name: arguments[2], IsInstall: true}
	values, err := chartutil.ToRenderValues(chart, given, release, nil)
	if err != nil {
		return err
	}
	files, err := engine.Render(chart, values)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) { // so that the same chart gives the same bytes
		if path.Ext(name) == ".yaml" && strings.TrimSpace(files[name]) != "" {
			if _, err := fmt.Fprintf(out, "---\n# %s\n%s\n", name, files[name]); err != nil {
				return err
			}
		}
	}
	return nil
}
