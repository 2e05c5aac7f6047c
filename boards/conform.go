package boards

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
)

// conform compares what readTree read with the Go type that it is for, and
// names every field that is unknown, missing or of the wrong form. Fields
// whose tag says omitempty or omitzero may be missing.
func conform(v any, t reflect.Type, path string) []Problem {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	wrong := func(format string, args ...any) []Problem {
		return []Problem{{Path: path, Says: fmt.Sprintf(format, args...)}}
	}
	if into, ok := reflect.New(t).Interface().(encoding.TextUnmarshaler); ok {
		s, ok := v.(string)
		if !ok {
			return wrong("%s where a text is wanted", kind(v))
		}
		if err := into.UnmarshalText([]byte(s)); err != nil {
			return wrong("%v", err)
		}
		return nil
	}
	switch t.Kind() {
	case reflect.Struct:
		return conformObject(v, t, path)
	case reflect.Slice, reflect.Array:
		return conformList(v, t, path)
	case reflect.String:
		if _, ok := v.(string); !ok {
			return wrong("%s where a text is wanted", kind(v))
		}
	case reflect.Bool:
		if _, ok := v.(bool); !ok {
			return wrong("%s where true or false is wanted", kind(v))
		}
	default: // a number
		n, ok := v.(json.Number)
		if !ok {
			return wrong("%s where a number is wanted", kind(v))
		}
		if f, err := n.Float64(); err != nil || math.IsInf(f, 0) {
			return wrong("%s is no number that can be held", n)
		}
		if err := json.Unmarshal([]byte(n), reflect.New(t).Interface()); err != nil {
			return wrong("%s where a whole number is wanted", n)
		}
	}
	return nil
}

func conformList(v any, t reflect.Type, path string) (found []Problem) {
	list, ok := v.([]any)
	if !ok {
		return []Problem{{Path: path, Says: kind(v) + " where a list is wanted"}}
	}
	if t.Kind() == reflect.Array && len(list) != t.Len() {
		return []Problem{{Path: path, Says: fmt.Sprintf("has %d values, needs %d", len(list), t.Len())}}
	}
	for i, item := range list {
		found = append(found, conform(item, t.Elem(), fmt.Sprintf("%s/%d", path, i))...)
	}
	return found
}

func conformObject(v any, t reflect.Type, path string) (found []Problem) {
	object, ok := v.(map[string]any)
	if !ok {
		return []Problem{{Path: path, Says: kind(v) + " where an object is wanted"}}
	}
	var known []string
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous || !f.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		known = append(known, name)
		inner, there := object[name]
		switch {
		case there:
			found = append(found, conform(inner, f.Type, path+"/"+name)...)
		case !strings.HasPrefix(options, "omit"):
			found = append(found, Problem{Path: path + "/" + name, Says: "missing"})
		}
	}
	var extra []string
	for name := range object {
		if !slices.Contains(known, name) {
			extra = append(extra, name)
		}
	}
	slices.Sort(extra)
	for _, name := range extra {
		found = append(found, Problem{Path: path + "/" + name, Says: "unknown field", Hint: "known here: " + strings.Join(known, ", ")})
	}
	return found
}

// kind says what a JSON value is.
func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "a text"
	case bool:
		return "true or false"
	case json.Number:
		return "a number"
	case []any:
		return "a list"
	}
	return "an object"
}
