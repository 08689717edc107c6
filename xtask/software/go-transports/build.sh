# Compiles with the standard library alone.
cd "$KIND" && GO111MODULE=off GOPROXY=off go build -o "$DATA/go-fetcher" fetcher.go
