//go:build amd64 || arm64

package kernel

// prefetch asks for so many cache lines, at least 1.
//
//go:noescape
func prefetch(b *byte, lines int)
