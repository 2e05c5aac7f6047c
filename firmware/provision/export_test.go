package provision

import (
	"context"
	"time"

	"volar/hal"
	"volar/wire/prov"
)

// SealForTest leaves a store as a sealed unit's, without settings.
func SealForTest(store hal.Store) error {
	return put(store, recordKey, record{Version: prov.Version, State: prov.Sealed, Ticket: 40})
}

// RequestForTest answers a request of a session whose ticket has these rights.
func RequestForTest(store hal.Store, chip Chip, rights prov.Rights, request []byte) {
	s := &server{unit: &Unit{Store: store, Chip: chip, Logs: func(bool) ([]byte, error) { return nil, hal.ErrNotFound }, Built: time.Unix(1, 0)}}
	s.talk.ticket.Rights = rights
	if r, err := prov.ParseRequest(request); err == nil {
		_, _ = s.request(context.Background(), r)
	}
}
