package boards

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxDepth bounds how deep objects and lists may nest.
const maxDepth = 8

// lengths of the lists that are read into arrays.
var lengths = map[string]int{"/calibration/r": 9, "/calibration/t": 3}

// checkKeys refuses what encoding/json lets pass: a key twice in an object,
// keys that are not lower case (it would take "NAME" for "name"), lists longer
// or shorter than their array, deep nesting, and bytes after the value.
func checkKeys(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	if err := checkValue(d, "", maxDepth); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("bytes after the end")
	}
	return nil
}

func checkValue(d *json.Decoder, path string, depth int) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth == 0 {
		return fmt.Errorf("%s is nested too deep", path)
	}
	seen := map[string]bool{}
	items := 0
	for ; d.More(); items++ {
		name := "[]"
		if open == '{' {
			if name, err = key(d, seen); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		if err := checkValue(d, path+"/"+name, depth-1); err != nil {
			return err
		}
	}
	if want, ok := lengths[path]; ok && items != want {
		return fmt.Errorf("%s has %d numbers, needs %d", path, items, want)
	}
	_, err = d.Token() // the closing bracket
	return err
}

func key(d *json.Decoder, seen map[string]bool) (string, error) {
	t, err := d.Token()
	if err != nil {
		return "", err
	}
	name, _ := t.(string)
	if name != strings.ToLower(name) {
		return "", fmt.Errorf("key %q is not lower case", name)
	}
	if seen[name] {
		return "", fmt.Errorf("key %q is there twice", name)
	}
	seen[name] = true
	return name, nil
}
