package store

import (
	"context"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What can be wrong, for errors.Is. Every error of this package that is not a
// cancelled context or one of the operating system carries one of these.
var (
	ErrInvalid = errors.New("invalid request")                     // a key, a value or a count out of bounds; nothing was done
	ErrForeign = errors.New("not a blob store")                    // another program's file; it was left as it is
	ErrNewer   = errors.New("made by a newer program")             // left as it is too
	ErrCorrupt = errors.New("file is damaged")                     // restore it from a copy
	ErrInUse   = errors.New("file is in use by another process")   // one host at a time
	ErrFull    = errors.New("no space left")                       // the Apply was undone; it works again once there is space
	ErrIO      = errors.New("disk failed")                         // what the disk holds of this Apply is unknown until the next Open
	ErrBroken  = errors.New("refused after an earlier disk error") // open the store again
	ErrClosed  = errors.New("store is closed")
)

// describe says what was tried and gives an SQLite error its meaning.
func describe(tried string, err error) error {
	if meaning := meaningOf(err); meaning != nil {
		return fmt.Errorf("store: %s: %w: %w", tried, meaning, err)
	}
	return fmt.Errorf("store: %s: %w", tried, err)
}

// meaningOf is nil for an error that did not come from SQLite.
func meaningOf(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return nil
	}
	switch e.Code() & 0xff { // the extended codes keep the plain one in their low byte
	case sqlite3.SQLITE_NOTADB:
		return ErrForeign
	case sqlite3.SQLITE_CORRUPT:
		return ErrCorrupt
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return ErrInUse
	case sqlite3.SQLITE_FULL:
		return ErrFull
	case sqlite3.SQLITE_IOERR:
		return ErrIO
	case sqlite3.SQLITE_INTERRUPT: // nothing but the end of a context interrupts
		return context.Canceled
	}
	return nil
}
