package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"volar/boards"
	"volar/firmware/flash"
	"volar/firmware/image"
)

// check says whether an image is whole, signed and of the right board, before
// anybody is asked for anything.
func (f *flashing) check(disks []flash.Disk) (*flash.Image, error) {
	const next = "'palmctl image verify' says more about an image, 'palmctl image build' makes one"
	public, err := image.ReadPublic(f.key)
	if err != nil {
		return nil, usage(err, "give --key the public.pem that lies beside the keys the image was built with")
	}
	m, err := image.CheckFolder(filepath.Dir(f.image), public.Release)
	if err != nil {
		return nil, hint(err, next)
	}
	if name := filepath.Base(f.image); name != m.Packed.File && name != m.Image.File {
		return nil, usage(fmt.Errorf("flash: %s is neither %s nor %s, which its manifest names", name, m.Packed.File, m.Image.File), next)
	}
	if f.board != "" && f.board != m.Board {
		return nil, usage(fmt.Errorf("flash: the image is for board %s, not %s", m.Board, f.board), "give the image of that board, or leave --board out")
	}
	for i := range disks {
		if err := f.sameBoard(&disks[i], m.Board); err != nil {
			return nil, err
		}
	}
	i, err := flash.Open(f.image)
	if err != nil {
		return nil, usage(err, "%s", flashHint(err))
	}
	if i.Map.Size != m.Image.Size {
		return nil, usage(fmt.Errorf("flash: the map is of %d bytes, the image has %d", i.Map.Size, m.Image.Size), next)
	}
	return i, nil
}

// sameBoard refuses to turn a unit's disk into one of another board, unless
// --board says that this is meant. What is no unit's disk may become any.
func (f *flashing) sameBoard(d *flash.Disk, board string) error {
	disk, err := os.Open(d.Path)
	if err != nil {
		return usage(fmt.Errorf("flash: %w", err), "%s", flashHint(err))
	}
	defer disk.Close()
	table, err := image.ReadTable(disk, d.Size/512*512)
	if err != nil || f.board == board {
		return nil
	}
	names, err := boards.Names(boards.Tree)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name != board && table.Disk == image.DiskGUID(name) {
			return usage(errors.New("flash: "+d.Path+" is a disk of board "+name+", the image is for "+board),
				"give the image of that board, or --board %s where the disk is to be one of it from now on", board)
		}
	}
	return nil
}
