package wire

import (
	"fmt"
	"strings"
	"testing"
)

// The largest of everything passes, one more does not, and all of it fits a frame.
func TestEnvelopeLimits(t *testing.T) {
	for _, c := range []struct {
		size int
		ok   bool
	}{{1, true}, {MaxFrame16, true}, {MaxFrame16 + 1, false}} {
		b, err := EncodeEnvelope(Envelope{Session: 1<<64 - 1, Kind: Data, Payload: make([]byte, c.size)})
		if (err == nil) != c.ok || len(b) > MaxEnvelope || len(b) > MaxFrame32 {
			t.Errorf("payload of %d: %d bytes, %v", c.size, len(b), err)
		}
		if !c.ok {
			continue
		}
		if e, err := DecodeEnvelope(b); err != nil || len(e.Payload) != c.size {
			t.Errorf("payload of %d: %v", c.size, err)
		}
	}
	if _, err := DecodeEnvelope(make([]byte, MaxEnvelope+1)); err == nil {
		t.Error("too long an envelope: decoded")
	}
}

func keys(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("%0*d", MaxKey, i))
	}
	return all
}

func TestBlobLimits(t *testing.T) {
	long := strings.Repeat("k", MaxKey)
	var puts []Blob
	for _, k := range keys(MaxChanges + 1) {
		puts = append(puts, Blob{Key: k})
	}
	for _, c := range []struct {
		name string
		r    BlobRequest
		ok   bool
	}{
		{"longest key", BlobRequest{Op: BlobGet, Key: long}, true},
		{"longer key", BlobRequest{Op: BlobGet, Key: long + "k"}, false},
		{"list all", BlobRequest{Op: BlobList}, true},
		{"longest prefix", BlobRequest{Op: BlobList, Prefix: long, After: long}, true},
		{"longer prefix", BlobRequest{Op: BlobList, Prefix: long + "k"}, false},
		{"longer after", BlobRequest{Op: BlobList, After: long + "k"}, false},
		{"largest value", BlobRequest{Op: BlobApply, Puts: []Blob{{Key: long, Value: make([]byte, MaxValue)}}}, true},
		{"larger value", BlobRequest{Op: BlobApply, Puts: []Blob{{Key: long, Value: make([]byte, MaxValue+1)}}}, false},
		{"more than a frame", BlobRequest{Op: BlobApply, Puts: []Blob{{Key: "a", Value: make([]byte, MaxValue)}, {Key: "b", Value: make([]byte, 5000)}}}, false},
		{"empty value", BlobRequest{Op: BlobApply, Puts: []Blob{{Key: "a"}}}, true},
		{"most changes", BlobRequest{Op: BlobApply, Puts: puts[:1000], Deletes: keys(MaxChanges)[1000:]}, true},
		{"more changes", BlobRequest{Op: BlobApply, Puts: puts}, false},
		{"more deletes", BlobRequest{Op: BlobApply, Deletes: keys(MaxChanges + 1)}, false},
		{"put twice", BlobRequest{Op: BlobApply, Puts: []Blob{{Key: "a"}, {Key: "a"}}}, false},
		{"delete twice", BlobRequest{Op: BlobApply, Deletes: []string{"a", "a"}}, false},
		{"get with puts", BlobRequest{Op: BlobGet, Key: "a", Puts: puts[:1]}, false},
		{"list with a key", BlobRequest{Op: BlobList, Key: "a"}, false},
		{"zero", BlobRequest{}, false},
	} {
		b, err := EncodeBlobRequest(c.r)
		if (err == nil) != c.ok || len(b) > MaxFrame32 {
			t.Errorf("%s: %d bytes, %v", c.name, len(b), err)
		}
		if c.ok {
			if _, err := DecodeBlobRequest(b); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
	for _, c := range []struct {
		name string
		r    BlobReply
		ok   bool
	}{
		{"done", BlobReply{}, true},
		{"longest error", BlobReply{Err: strings.Repeat("e", MaxErr)}, true},
		{"longer error", BlobReply{Err: strings.Repeat("e", MaxErr+1)}, false},
		{"error that is not UTF-8", BlobReply{Err: "\xff"}, false},
		{"largest value", BlobReply{Found: true, Value: make([]byte, MaxValue)}, true},
		{"larger value", BlobReply{Found: true, Value: make([]byte, MaxValue+1)}, false},
		{"empty value", BlobReply{Found: true}, true},
		{"most keys", BlobReply{Keys: keys(MaxKeys), More: true}, true},
		{"more keys", BlobReply{Keys: keys(MaxKeys + 1)}, false},
		{"empty key", BlobReply{Keys: []string{""}}, false},
	} {
		b, err := EncodeBlobReply(c.r)
		if err == nil {
			_, err = DecodeBlobReply(b)
		}
		if (err == nil) != c.ok || len(b) > MaxFrame32 {
			t.Errorf("%s: %d bytes, %v", c.name, len(b), err)
		}
	}
}

func TestCheckTenant(t *testing.T) {
	for name, ok := range map[string]bool{"a": true, "0-9.z": true, strings.Repeat("a", 63): true,
		"": false, strings.Repeat("a", 64): false, "A": false, "a b": false, ".a": false, "-a": false, "ä": false, "a/b": false, "a\x00": false} {
		if err := CheckTenant(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
