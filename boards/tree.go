package boards

import "embed"

// Tree holds the boards of this repository, for programs that are started
// away from it.
//
//go:embed */board.json
var Tree embed.FS
