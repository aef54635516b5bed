// Dapr's sidecar, with only the components that Outboard is compared on and that the to-do system takes; on Linux
// also Dapr's control plane. Called by the name of one of its parts, the program is that part: one image of one
// program serves for all of them.
package main

import (
	"os"
	"path/filepath"

	"github.com/dapr/dapr/cmd/daprd/app"
)

// controlPlane has the parts besides daprd, by the names that Dapr's chart calls them.
var controlPlane = map[string]func(){}

func main() {
	if run, known := controlPlane[filepath.Base(os.Args[0])]; known {
		run()
		return
	}
	registerComponents()
	app.Run()
}
