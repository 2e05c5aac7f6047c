package boards

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxDepth bounds how deep objects and lists may nest.
const maxDepth = 8

// reader reads JSON into plain values and notes what encoding/json lets pass.
type reader struct {
	from  *json.Decoder
	found []Problem
}

// readTree reads one JSON value: maps, lists, strings, numbers, booleans and
// nil. It notes keys that are there twice and keys that are not lower case
// (encoding/json would take "NAME" for "name"); deep nesting and bytes after
// the value are errors.
func readTree(raw []byte) (any, []Problem, error) {
	r := &reader{from: json.NewDecoder(bytes.NewReader(raw))}
	r.from.UseNumber()
	tree, err := r.value("", maxDepth)
	if err != nil {
		return nil, nil, err
	}
	if _, err := r.from.Token(); err != io.EOF {
		return nil, nil, errors.New("bytes after the end")
	}
	return tree, r.found, nil
}

func (r *reader) value(path string, depth int) (any, error) {
	t, err := r.from.Token()
	if err != nil {
		return nil, err
	}
	open, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth == 0 {
		return nil, fmt.Errorf("%s is nested too deep", path)
	}
	object, list := map[string]any{}, []any{}
	for n := 0; r.from.More(); n++ {
		name := strconv.Itoa(n)
		if open == '{' {
			if name, err = r.key(path, object); err != nil {
				return nil, err
			}
		}
		v, err := r.value(path+"/"+name, depth-1)
		if err != nil {
			return nil, err
		}
		object[name], list = v, append(list, v)
	}
	if _, err = r.from.Token(); err != nil { // the closing bracket
		return nil, err
	}
	if open == '{' {
		return object, nil
	}
	return list, nil
}

func (r *reader) key(path string, seen map[string]any) (string, error) {
	t, err := r.from.Token()
	if err != nil {
		return "", err
	}
	name, _ := t.(string)
	if name != strings.ToLower(name) {
		r.found = append(r.found, Problem{Path: path, Says: fmt.Sprintf("key %q is not lower case", name)})
	}
	if _, ok := seen[name]; ok {
		r.found = append(r.found, Problem{Path: path, Says: fmt.Sprintf("key %q is there twice", name)})
	}
	return name, nil
}
