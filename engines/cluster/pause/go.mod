module outboard/engines/cluster/pause

go 1.21
