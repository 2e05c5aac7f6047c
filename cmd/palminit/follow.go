package main

import (
	"context"

	"volar/firmware/update/catalog"
	"volar/hal/store"
)

// follow looks for newer systems in a repository of bundles; "" is none. Who
// serves it is not trusted.
func (k *keeper) follow(url string) error {
	if k.unfollow != nil {
		k.unfollow()
		k.unfollow = nil
	}
	if url == "" {
		return nil
	}
	from, err := catalog.NewHTTP(url)
	if err != nil {
		return err
	}
	kept, err := store.Open(updateDir + "/catalog")
	if err != nil {
		return err
	}
	key := k.release.Key()
	c, err := catalog.New(catalog.Config{Release: k.running(), Key: key[:], Store: kept})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	k.unfollow = stop
	go c.Follow(ctx, from, k.updater, k.log)
	return nil
}
