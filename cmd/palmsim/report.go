package main

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// writeReport writes a report where a flag says: to a file, to standard output
// for "-", nowhere for "".
func writeReport(path string, out io.Writer, write func(io.Writer) error) error {
	switch path {
	case "":
		return nil
	case "-":
		return write(out)
	}
	return writeTo(path, write)
}

// writeTo creates a file and leaves none behind that is half written.
func writeTo(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write report %s: %w", path, err), os.Remove(path))
	}
	return nil
}
