package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// A flattened device tree (Devicetree Specification 0.4, chapter 5), which a
// FIT is one of, as far as checking needs it.

const (
	fdtMagic     = 0xd00dfeed
	fdtHeader    = 40
	fdtBeginNode = 1
	fdtEndNode   = 2
	fdtProp      = 3
	fdtNop       = 4
	fdtEnd       = 9
	maxDepth     = 16
	maxNodes     = 20000
)

var errTree = errors.New("image: device tree")

// node is one node of a tree.
type node struct {
	path  string
	props map[string][]byte
	at    map[string]int // where a property's value lies in the blob
}

// token is one item of a tree's structure block.
type token struct {
	kind       uint32
	start, end int    // bytes from the start of the structure block
	path       string // of the node that begins
	name       string // of the property
}

// tree is a flattened tree, taken apart. Values point into the blob.
type tree struct {
	blob                []byte
	structAt, structLen int
	stringsAt           int
	stringsLen          int
	nodes               map[string]*node
	order               []string // paths, as they come
	tokens              []token
}

// TreeSize is the length of the flattened tree that begins with head, which
// needs 8 bytes: a FIT in a partition is as long as this.
func TreeSize(head []byte) (int64, error) {
	if len(head) < 8 || binary.BigEndian.Uint32(head) != fdtMagic {
		return 0, fmt.Errorf("%w: none begins here", errTree)
	}
	return int64(binary.BigEndian.Uint32(head[4:])), nil
}

// parseTree takes a tree apart. Whatever does not lie inside of the blob, or
// is nested in a way that no tree is, is an error.
func parseTree(blob []byte) (*tree, error) {
	size, err := TreeSize(blob)
	if err != nil {
		return nil, err
	}
	if size < fdtHeader || size > int64(len(blob)) {
		return nil, fmt.Errorf("%w: %d bytes long by its header, %d are here", errTree, size, len(blob))
	}
	word := func(at int) int { return int(binary.BigEndian.Uint32(blob[at:])) }
	t := &tree{blob: blob[:size], structAt: word(8), stringsAt: word(12), stringsLen: word(32), structLen: word(36), nodes: map[string]*node{}}
	for _, part := range [][2]int{{t.structAt, t.structLen}, {t.stringsAt, t.stringsLen}} {
		if part[0] < fdtHeader || part[0] > int(size) || part[1] > int(size)-part[0] {
			return nil, fmt.Errorf("%w: a block of %d bytes at %d in %d", errTree, part[1], part[0], size)
		}
	}
	if word(20) != 17 || t.structAt%4 != 0 {
		return nil, fmt.Errorf("%w: version %d, want 17", errTree, word(20))
	}
	return t, t.walk()
}

// walk reads the structure block.
func (t *tree) walk() error {
	s := t.blob[t.structAt : t.structAt+t.structLen]
	var at int
	var stack []*node
	bad := func(what string) error { return fmt.Errorf("%w: %s at byte %d of its structure", errTree, what, at) }
	for {
		if len(s)-at < 4 {
			return bad("the end is missing")
		}
		k := token{kind: binary.BigEndian.Uint32(s[at:]), start: at}
		next := at + 4
		switch k.kind {
		case fdtBeginNode:
			n := bytes.IndexByte(s[next:min(len(s), next+256)], 0)
			if n < 0 || len(stack) >= maxDepth || len(t.nodes) >= maxNodes || len(stack) == 0 && (n > 0 || len(t.nodes) > 0) {
				return bad("a node that cannot be")
			}
			path := "/"
			if len(stack) > 0 {
				parent := stack[len(stack)-1].path
				path = parent + "/" + string(s[next:next+n])
				if parent == "/" {
					path = path[1:]
				}
			}
			if t.nodes[path] != nil {
				return bad("a node that is there twice")
			}
			here := &node{path: path, props: map[string][]byte{}, at: map[string]int{}}
			t.nodes[path], t.order, stack = here, append(t.order, path), append(stack, here)
			k.path, next = path, align(next+n+1, 4)
		case fdtEndNode:
			if len(stack) == 0 {
				return bad("an end without a node")
			}
			stack = stack[:len(stack)-1]
		case fdtProp:
			if len(s)-next < 8 || len(stack) == 0 {
				return bad("a property that cannot be")
			}
			n, name := int(binary.BigEndian.Uint32(s[next:])), t.str(int(binary.BigEndian.Uint32(s[next+4:])))
			if n > len(s)-next-8 || name == "" || stack[len(stack)-1].props[name] != nil {
				return bad("a property that cannot be")
			}
			stack[len(stack)-1].props[name] = s[next+8 : next+8+n : next+8+n]
			stack[len(stack)-1].at[name] = t.structAt + next + 8
			k.name, next = name, align(next+8+n, 4)
		case fdtNop:
		case fdtEnd:
			if len(stack) > 0 || len(t.nodes) == 0 || next != len(s) {
				return bad("the end")
			}
		default:
			return bad(fmt.Sprintf("token %d", k.kind))
		}
		if next > len(s) {
			return bad("something longer than the block")
		}
		k.end, at = next, next
		t.tokens = append(t.tokens, k)
		if k.kind == fdtEnd {
			return nil
		}
	}
}

// str is a property's name.
func (t *tree) str(at int) string {
	if at >= t.stringsLen {
		return ""
	}
	s := t.blob[t.stringsAt+at : t.stringsAt+t.stringsLen]
	n := bytes.IndexByte(s, 0)
	if n < 0 {
		return ""
	}
	return string(s[:n])
}

// text is a property that is one string, "" where there is none.
func (n *node) text(name string) string {
	if n == nil {
		return ""
	}
	v, ok := bytes.CutSuffix(n.props[name], []byte{0})
	if !ok || bytes.IndexByte(v, 0) >= 0 {
		return ""
	}
	return string(v)
}
