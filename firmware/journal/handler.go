package journal

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
)

// Handler keeps what a program of this process logs. source names it, at most
// 16 bytes.
func (j *Journal) Handler(source string, level slog.Leveler) slog.Handler {
	return handler{j: j, source: source, level: level}
}

// handler is a slog.Handler.
type handler struct {
	j      *Journal
	source string
	level  slog.Leveler
	prefix string // of the names of attributes
	attrs  string // that every line has
}

// Enabled says whether lines of a level are kept.
func (h handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

// Handle keeps a line.
func (h handler) Handle(_ context.Context, r slog.Record) error {
	text := r.Message + h.attrs
	r.Attrs(func(a slog.Attr) bool {
		text += h.attr(a)
		return true
	})
	h.j.add(kindLine, r.Level, h.source, text)
	return nil
}

// WithAttrs is a slog.Handler's.
func (h handler) WithAttrs(list []slog.Attr) slog.Handler {
	var b strings.Builder
	for _, a := range list {
		b.WriteString(h.attr(a))
	}
	h.attrs += b.String()
	return h
}

// WithGroup is a slog.Handler's.
func (h handler) WithGroup(name string) slog.Handler {
	if name != "" {
		h.prefix += name + "."
	}
	return h
}

// attr is " name=value". Of bytes it says how many they are.
func (h handler) attr(a slog.Attr) string {
	v := a.Value.Resolve()
	switch {
	case v.Kind() == slog.KindGroup:
		inner := h
		if a.Key != "" {
			inner.prefix += a.Key + "."
		}
		var b strings.Builder
		for _, in := range v.Group() {
			b.WriteString(inner.attr(in))
		}
		return b.String()
	case a.Key == "":
		return ""
	case v.Kind() == slog.KindAny && isBytes(v.Any()):
		return fmt.Sprintf(" %s%s=(%d bytes)", h.prefix, a.Key, reflect.ValueOf(v.Any()).Len())
	}
	return fmt.Sprintf(" %s%s=%s", h.prefix, a.Key, v)
}

// isBytes says whether v is a list of bytes, whatever its type is called.
func isBytes(v any) bool {
	t := reflect.TypeOf(v)
	return t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) && t.Elem().Kind() == reflect.Uint8
}
