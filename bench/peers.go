package main

func comparePeers(b *bench) error { return nil }
