package main

// follow looks for newer systems in a repository of bundles.
func (k *keeper) follow(string) {}
