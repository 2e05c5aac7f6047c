package v4l2

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// maxName bounds what is read of a name in /sys.
const maxName = 256

// Find gives the device file of the capture node whose name, in
// /sys/class/video4linux/*/name, begins with prefix. sys is that folder. Node
// numbers follow the order in which drivers start; names stay.
func Find(sys fs.FS, prefix string) (string, error) {
	files, err := fs.Glob(sys, "video*/name")
	if err != nil {
		return "", fmt.Errorf("v4l2: find %q: %w", prefix, err)
	}
	slices.SortFunc(files, func(a, b string) int { return len(a) - len(b) }) // video9 before video10
	var names []string
	for _, f := range files {
		b, err := fs.ReadFile(sys, f)
		if err != nil || len(b) > maxName {
			continue
		}
		name := strings.TrimSpace(string(b))
		if strings.HasPrefix(name, prefix) {
			return "/dev/" + strings.TrimSuffix(f, "/name"), nil
		}
		names = append(names, name)
	}
	return "", fmt.Errorf("v4l2: no camera is named %q, there are %q", prefix, names)
}
