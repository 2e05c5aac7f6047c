package provision

import (
	"volar/hal"
	"volar/wire/prov"
)

// SealForTest leaves a store as a sealed unit's, without settings.
func SealForTest(store hal.Store) error {
	return put(store, recordKey, record{Version: prov.Version, State: prov.Sealed, Ticket: 40})
}
