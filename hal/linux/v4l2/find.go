package v4l2

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// maxName bounds what is read of a name in /sys.
const maxName = 256

// Find gives the device file of a camera. sys is /sys/class/video4linux. Node
// numbers follow the order in which drivers start; these stay:
//
//	name:unicam-image   the first node whose name begins so
//	driver:uvcvideo     the first node of the first camera of that driver
func Find(sys fs.FS, camera string) (string, error) {
	kind, want, _ := strings.Cut(camera, ":")
	nodes, err := fs.Glob(sys, "video*")
	if err != nil {
		return "", fmt.Errorf("v4l2: find %q: %w", camera, err)
	}
	slices.SortFunc(nodes, func(a, b string) int { return len(a) - len(b) }) // video9 before video10
	var there []string
	for _, n := range nodes {
		name, driver := read(sys, n+"/name"), ""
		if link, err := fs.ReadLink(sys, n+"/device/driver"); err == nil {
			driver = path.Base(link)
		}
		if kind == "name" && strings.HasPrefix(name, want) || kind == "driver" && driver == want && read(sys, n+"/index") == "0" {
			return "/dev/" + n, nil
		}
		there = append(there, fmt.Sprintf("name:%s (driver:%s)", name, driver))
	}
	return "", fmt.Errorf("v4l2: no camera is %q, there are %q", camera, there)
}

// read reads one line of /sys, "" where it cannot.
func read(sys fs.FS, file string) string {
	b, err := fs.ReadFile(sys, file)
	if err != nil || len(b) > maxName {
		return ""
	}
	return strings.TrimSpace(string(b))
}
