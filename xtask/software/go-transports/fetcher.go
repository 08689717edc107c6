// Fetches a page now and then, with a client and a transport made anew each time. Each transport
// keeps its connection for reuse, and nobody ever uses it again.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

func fetch(page string) error {
	client := http.Client{Transport: &http.Transport{}}
	answer, err := client.Get(page)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

func main() {
	for range time.Tick(5 * time.Second) {
		if err := fetch(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}
