package replay

import (
	"path/filepath"
	"strings"
)

// NameOf is what the golden of a tape is called: the tape's base name without
// its ending.
func NameOf(path string) string {
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}
