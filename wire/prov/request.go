package prov

import "fmt"

// Verb is what a bench asks for inside of a session.
type Verb uint8

// The verbs. Which ticket allows which is in README.md.
const (
	Prove       Verb = 1 + iota // -> Proof
	Activate                    // Activation -> Answered
	Keep                        // the proof was accepted: the unit is keyed
	Time                        // Clock: set the clock
	Stage                       // Block of a value -> Staged
	Validate                    // Part: check what was staged
	Commit                      // Part: keep it as a candidate, and read it back -> Digest
	Confirm                     // Digest: the candidate counts from now on
	FetchValue                  // Fetch -> Piece
	Test                        // Part: try a part of the unit -> Tested
	Saw                         // Tested: what a person saw of a test
	Look                        // take a view of the calibration target -> Viewed
	Solve                       // calibrate from the views -> Solved, and stage it
	Seal                        // the unit works from now on
	Forget                      // Part "reset": keys first, then all settings
	Restart                     // start again
	UpdateOffer                 // the staged manifest is of a bundle that comes -> Have
	UpdateBlock                 // Block of it -> Have
	verbCount
)

var verbNames = [...]string{"", "prove", "activate", "keep", "time", "stage", "validate", "commit", "confirm", "fetch", "test", "saw", "look", "solve", "seal",
	"forget", "restart", "update-offer", "update-block"}

// String names the verb.
func (v Verb) String() string {
	if v > 0 && v < verbCount {
		return verbNames[v]
	}
	return "no verb"
}

// Request is a sealed question.
type Request struct {
	_    struct{} `cbor:",toarray"`
	Verb Verb
	Body []byte
}

// Answer is a sealed answer.
type Answer struct {
	_    struct{} `cbor:",toarray"`
	Code Code
	Why  string
	Body []byte
}

// Encode is the request as it is sealed.
func (r Request) Encode() ([]byte, error) { return marshal(r, MaxPlain) }

// ParseRequest reads a request.
func ParseRequest(b []byte) (Request, error) {
	r, err := unmarshal[Request](b, MaxPlain)
	if err == nil && (r.Verb == 0 || r.Verb >= verbCount) {
		err = fmt.Errorf("%w: verb %d", ErrForm, r.Verb)
	}
	return r, err
}

// Encode is the answer as it is sealed.
func (a Answer) Encode() ([]byte, error) {
	a.Why = Clean(a.Why)
	a.Why = a.Why[:min(len(a.Why), 400)]
	return marshal(a, MaxPlain)
}

// ParseAnswer reads an answer; one with another code than CodeDone is a
// *Failure.
func ParseAnswer(b []byte) ([]byte, error) {
	a, err := unmarshal[Answer](b, MaxPlain)
	if err == nil && a.Code != CodeDone {
		return nil, &Failure{a.Code, Clean(a.Why)}
	}
	return a.Body, err
}

// Bodies of requests and answers. All are arrays, with the fields in this
// order.
type (
	// Proof is what a unit says of its key, its chip and its firmware.
	Proof struct {
		_           struct{}  `cbor:",toarray"`
		Identity    [32]byte  // X25519
		Attestation [64]byte  // the chip's attestation key: x, y
		Endorsement [256]byte // modulus of the chip's endorsement key
		Certificate uint32    // length of its certificate, to be fetched as "endorsement"; 0: none
		PCR8        [32]byte
		Quote       []byte // TPMS_ATTEST over PCR 8, with ProofNonce
		Signature   [64]byte
	}
	// Activation is a credential for the chip (TPM2_ActivateCredential).
	Activation struct {
		_                  struct{} `cbor:",toarray"`
		Credential, Secret []byte
	}
	// Answered is what the chip found in it.
	Answered struct {
		_      struct{} `cbor:",toarray"`
		Secret []byte
	}
	// Clock is a time, seconds since 1970.
	Clock struct {
		_    struct{} `cbor:",toarray"`
		Unix int64
	}
	// Block is a part of a value that travels: of PartSettings, PartManifest,
	// or of a bundle.
	Block struct {
		_      struct{} `cbor:",toarray"`
		Part   string
		Total  uint64
		Digest [32]byte // SHA-256 of the whole value
		At     uint64
		Data   []byte // up to MaxBlock
	}
	// Have is how much of a value has come.
	Have struct {
		_     struct{} `cbor:",toarray"`
		Bytes uint64
	}
	// Part names a part of the settings or of the unit.
	Part struct {
		_    struct{} `cbor:",toarray"`
		Name string
	}
	// Digest is the SHA-256 of a part as the unit has it.
	Digest struct {
		_    struct{} `cbor:",toarray"`
		Part string
		Sum  [32]byte
	}
	// Tested is how a test went.
	Tested struct {
		_      struct{} `cbor:",toarray"`
		Name   string
		Passed bool
		Says   string // measured values, or what is wrong, in words
		Ask    string // what a person must have seen for it to count; may be empty
	}
	// Viewed is what came of one look at the target.
	Viewed struct {
		_     struct{} `cbor:",toarray"`
		Took  bool     // the view counts
		Views uint8    // so far
		Need  uint8    // to solve
		Hint  string   // what to change
	}
	// Solved is a calibration that was measured, and how well it fits.
	Solved struct {
		_           struct{} `cbor:",toarray"`
		Views       uint8
		Corners     uint16
		RMS         uint32 // of all residuals, thousandths of a pixel
		Worst       uint32 // view, thousandths of a pixel
		Baseline    uint32 // between the cameras, micrometres
		Calibration []byte // JSON of hal.Calibration, at most MaxBlock
	}
)

// Parts that are staged.
const (
	PartSettings    = "settings"
	PartCalibration = "calibration"
	PartManifest    = "manifest"
	PartBundle      = "bundle"
)

// Values that are fetched.
const (
	ValueEndorsement = "endorsement"
	ValueSettings    = "settings"
	ValueCalibration = "calibration"
	ValueTests       = "tests"
	ValueLog         = "log"
	ValueCrash       = "crash"
	ValueUpdate      = "update"
)

// EncodeBody encodes one of the bodies above.
func EncodeBody(v any) ([]byte, error) { return marshal(v, MaxPlain) }

// ParseBody reads one of the bodies above.
func ParseBody[B any](b []byte) (B, error) { return unmarshal[B](b, MaxPlain) }
