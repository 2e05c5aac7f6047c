// Command program stands in for what a slot runs, in tests of the builder.
package main

func main() {}
