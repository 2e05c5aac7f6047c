package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestComplain(t *testing.T) {
	err := usage(errors.New("receipt: read: too short"), "give the file that the vault wrote")
	var text, asJSON bytes.Buffer
	complain(&text, err, false)
	if want := "palmctl: receipt: read: too short\nhint: give the file that the vault wrote\n"; text.String() != want {
		t.Errorf("%q, want %q", text.String(), want)
	}
	complain(&asJSON, err, true)
	var got map[string]string
	if json.Unmarshal(asJSON.Bytes(), &got) != nil || got["error"] != "receipt: read: too short" || got["hint"] == "" {
		t.Errorf("as JSON: %s", asJSON.String())
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"--nonsense"}, {"nonsense"}} {
		var out, errs bytes.Buffer
		if code := run(context.Background(), args, &out, &errs); code != exitUsage || out.Len() > 0 || !strings.Contains(errs.String(), "hint:") {
			t.Errorf("%q: code %d, %q, %q", args, code, out.String(), errs.String())
		}
	}
	var out, errs bytes.Buffer
	if code := run(context.Background(), nil, &out, &errs); code != exitDone || !strings.Contains(out.String(), "palmctl") {
		t.Errorf("without arguments: code %d, %q, %q", code, out.String(), errs.String())
	}
}
