package kernel

//go:generate go run -C generator . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg kernel
