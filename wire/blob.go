package wire

import "fmt"

// BlobOp is what the vault asks of the host's store. The zero op is invalid.
type BlobOp uint8

// The operations.
const (
	BlobGet   BlobOp = 1 + iota // the value of Key
	BlobList                    // the keys with Prefix that come after After, in byte order
	BlobApply                   // Puts and Deletes, all of them or none, on disk before the reply
)

// Limits of a blob message. All of it fits a frame of MaxFrame32 bytes.
const (
	MaxKey     = 128               // bytes of a key
	MaxValue   = MaxFrame32 - 4096 // bytes of a value
	MaxChanges = 1024              // puts and deletes of one Apply
	MaxKeys    = 1024              // keys of one reply
	MaxErr     = 256               // bytes of BlobReply.Err
)

// Blob is a key and its value. The host sees keys and sealed values.
type Blob struct {
	Key   string
	Value []byte // MaxValue bytes at most
}

// BlobRequest goes from the vault to the host.
type BlobRequest struct {
	ID      uint64 // repeated in the reply
	Op      BlobOp
	Key     string   // BlobGet
	Prefix  string   // BlobList; may be empty
	After   string   // BlobList; may be empty
	Puts    []Blob   // BlobApply
	Deletes []string // BlobApply; a key that does not exist is no error
}

// BlobReply goes from the host to the vault, which believes none of it.
type BlobReply struct {
	ID    uint64
	Err   string // empty: done. With an error the other fields are empty
	Value []byte // BlobGet
	Found bool   // BlobGet
	Keys  []string
	More  bool // BlobList: ask again, after the last of Keys
}

type (
	blobForm struct {
		_     struct{} `cbor:",toarray"`
		Key   string
		Value []byte
	}
	blobRequestForm struct {
		_       struct{} `cbor:",toarray"`
		Version uint8
		Type    Type
		ID      uint64
		Op      BlobOp
		Key     string
		Prefix  string
		After   string
		Puts    []blobForm
		Deletes []string
	}
	blobReplyForm struct {
		_       struct{} `cbor:",toarray"`
		Version uint8
		Type    Type
		ID      uint64
		Err     string
		Value   []byte
		Found   bool
		Keys    []string
		More    bool
	}
)

// checkKey allows printable ASCII without spaces, so that a key can be shown.
func checkKey(key string, least int) error {
	if len(key) < least || len(key) > MaxKey {
		return fmt.Errorf("a key of %d bytes, %d to %d", len(key), least, MaxKey)
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return fmt.Errorf("a key with byte %#02x", key[i])
		}
	}
	return nil
}

func (r BlobRequest) check() error {
	get, list, apply := r.Op == BlobGet, r.Op == BlobList, r.Op == BlobApply
	changes := len(r.Puts) + len(r.Deletes)
	switch {
	case !get && !list && !apply:
		return fmt.Errorf("op %d is unknown", r.Op)
	case !get && r.Key != "", !list && r.Prefix+r.After != "", !apply && changes > 0:
		return fmt.Errorf("op %d with a field of another op", r.Op)
	case apply && (changes < 1 || changes > MaxChanges):
		return fmt.Errorf("%d changes, 1 to %d", changes, MaxChanges)
	case get:
		return checkKey(r.Key, 1)
	case list:
		if err := checkKey(r.Prefix, 0); err != nil {
			return err
		}
		return checkKey(r.After, 0)
	}
	return r.checkChanges()
}

// checkChanges refuses a key that is changed twice: which change wins would
// be the store's choice.
func (r BlobRequest) checkChanges() error {
	seen := make(map[string]bool, len(r.Puts)+len(r.Deletes))
	once := func(key string) error {
		if err := checkKey(key, 1); err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("key %s is changed twice", key)
		}
		seen[key] = true
		return nil
	}
	for _, p := range r.Puts {
		if len(p.Value) > MaxValue {
			return fmt.Errorf("a value of %d bytes, at most %d", len(p.Value), MaxValue)
		}
		if err := once(p.Key); err != nil {
			return err
		}
	}
	for _, key := range r.Deletes {
		if err := once(key); err != nil {
			return err
		}
	}
	return nil
}

func (r BlobReply) check() error {
	switch {
	case len(r.Err) > MaxErr:
		return fmt.Errorf("an error of %d bytes, at most %d", len(r.Err), MaxErr)
	case r.Err != "" && (len(r.Value) > 0 || r.Found || len(r.Keys) > 0 || r.More):
		return fmt.Errorf("an error with a result")
	case len(r.Value) > MaxValue:
		return fmt.Errorf("a value of %d bytes, at most %d", len(r.Value), MaxValue)
	case len(r.Value) > 0 && !r.Found:
		return fmt.Errorf("a value that was not found")
	case len(r.Keys) > MaxKeys:
		return fmt.Errorf("%d keys, at most %d", len(r.Keys), MaxKeys)
	case r.More && len(r.Keys) == 0:
		return fmt.Errorf("more keys after none")
	}
	for i, key := range r.Keys {
		if err := checkKey(key, 1); err != nil {
			return err
		}
		if i > 0 && key <= r.Keys[i-1] {
			return fmt.Errorf("keys out of order")
		}
	}
	return nil
}

// EncodeBlobRequest gives the one encoding of r, MaxFrame32 bytes at most.
func EncodeBlobRequest(r BlobRequest) ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("wire: encode blob request: %w", err)
	}
	f := blobRequestForm{Version: Version, Type: TypeBlobRequest, ID: r.ID, Op: r.Op, Key: r.Key,
		Prefix: r.Prefix, After: r.After, Deletes: r.Deletes}
	for _, p := range r.Puts {
		f.Puts = append(f.Puts, blobForm{Key: p.Key, Value: p.Value})
	}
	return marshal(TypeBlobRequest, f, MaxFrame32)
}

// DecodeBlobRequest is the inverse of EncodeBlobRequest and refuses everything else.
func DecodeBlobRequest(b []byte) (BlobRequest, error) {
	f, err := unmarshal[blobRequestForm](TypeBlobRequest, b, MaxFrame32)
	if err != nil {
		return BlobRequest{}, err
	}
	r := BlobRequest{ID: f.ID, Op: f.Op, Key: f.Key, Prefix: f.Prefix, After: f.After, Deletes: f.Deletes}
	for _, p := range f.Puts {
		r.Puts = append(r.Puts, Blob{Key: p.Key, Value: p.Value})
	}
	if err := r.check(); err != nil {
		return BlobRequest{}, fmt.Errorf("wire: decode blob request: %w", err)
	}
	return r, nil
}

// EncodeBlobReply gives the one encoding of r, MaxFrame32 bytes at most.
func EncodeBlobReply(r BlobReply) ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("wire: encode blob reply: %w", err)
	}
	return marshal(TypeBlobReply, blobReplyForm{Version: Version, Type: TypeBlobReply, ID: r.ID, Err: r.Err,
		Value: r.Value, Found: r.Found, Keys: r.Keys, More: r.More}, MaxFrame32)
}

// DecodeBlobReply is the inverse of EncodeBlobReply and refuses everything else.
func DecodeBlobReply(b []byte) (BlobReply, error) {
	f, err := unmarshal[blobReplyForm](TypeBlobReply, b, MaxFrame32)
	if err != nil {
		return BlobReply{}, err
	}
	r := BlobReply{ID: f.ID, Err: f.Err, Value: f.Value, Found: f.Found, Keys: f.Keys, More: f.More}
	if err := r.check(); err != nil {
		return BlobReply{}, fmt.Errorf("wire: decode blob reply: %w", err)
	}
	return r, nil
}
