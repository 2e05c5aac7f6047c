package main

import (
	"context"
	"errors"
)

// hinted is an error with the next thing to do.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// hintOf is what to do about an error, "" where nobody knows.
func hintOf(err error) string {
	var h hinted
	if errors.As(err, &h) {
		return h.hint
	}
	return ""
}

// resumes is the error of a command that goes on where it was interrupted.
func resumes(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return hinted{err, "the same command goes on where this one was"}
	}
	return err
}
