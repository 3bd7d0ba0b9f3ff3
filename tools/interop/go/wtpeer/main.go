// Command wtpeer is the other side of a WebTransport session, on webtransport-go: a server, or with the build tag "client" a
// client, which is another release of that module (docs/INTEROP.md says why).
//
//	wtpeer -listen 127.0.0.1:0 -cert chain.pem -key key.pem [FLAGS] [NAME]...
//	wtpeer -connect https://127.0.0.1:4433/ -root root.pem [FLAGS] [NAME]...
//
// Both ask for the files of those names, over the kind of stream that -fetch tells, and both serve whatever is asked of them.
// What they see they tell on standard output, one fact per line: see `say`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/quic-go/webtransport-go"
)

const handshakeTimeout = 10 * time.Second

type options struct {
	listen, connect, cert, key, root, protocols string
	// Folders that files come from and go to.
	files, into string
	// "one-way", "both-ways" or "datagrams".
	fetch string
	names []string
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "", "serve at this address")
	flag.StringVar(&o.connect, "connect", "", "ask this URL for a session")
	flag.StringVar(&o.cert, "cert", "", "PEM file of the server's certificate chain")
	flag.StringVar(&o.key, "key", "", "PEM file of its key")
	flag.StringVar(&o.root, "root", "", "PEM file of the authority a client trusts")
	flag.StringVar(&o.protocols, "protocols", "", "application protocols, separated by commas")
	flag.StringVar(&o.files, "files", ".", "folder of the files that are served")
	flag.StringVar(&o.into, "into", ".", "folder that fetched files go to")
	flag.StringVar(&o.fetch, "fetch", "both-ways", "over which streams files are fetched: one-way, both-ways, datagrams")
	flag.Parse()
	o.names = flag.Args()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "wtpeer:", err)
		os.Exit(1)
	}
}

func (o options) protocolList() []string {
	if o.protocols == "" {
		return nil
	}
	return strings.Split(o.protocols, ",")
}

// attend serves a session, and fetches the files if there are any, until the session is closed.
func attend(session *webtransport.Session, o options) {
	say("session protocol=%q", session.SessionState().ApplicationProtocol)
	var work sync.WaitGroup
	datagrams := make(chan []byte, len(o.names))
	one := make(chan *webtransport.ReceiveStream, len(o.names))
	x := exchange{session: session, options: o, pushedStreams: one, pushedDatagrams: datagrams}
	work.Go(x.serveStreams)
	work.Go(x.serveOneWayStreams)
	work.Go(x.serveDatagrams)
	if len(o.names) > 0 {
		if err := x.fetchAll(); err != nil {
			say("not fetched: %v", err)
		} else {
			say("fetched %d", len(o.names))
		}
	}
	<-session.Context().Done()
	sayClosed(context.Cause(session.Context()), session)
	work.Wait()
}

var output sync.Mutex

// say tells a fact, in a line of its own.
func say(format string, values ...any) {
	output.Lock()
	defer output.Unlock()
	fmt.Printf(format+"\n", values...)
}

// sayClosed tells who ended a session, with which code and words. A session that is over says so to whoever wants a stream.
func sayClosed(cause error, session *webtransport.Session) {
	_, err := session.OpenStream()
	var closed *webtransport.SessionError
	if errors.As(err, &closed) || errors.As(cause, &closed) {
		say("closed remote=%t %d %s", closed.Remote, closed.ErrorCode, closed.Message)
		return
	}
	say("closed %v, %v", err, cause)
}
