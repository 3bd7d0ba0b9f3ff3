//go:build client

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/webtransport-go"
)

// run opens one session.
func run(o options) error {
	pem, err := os.ReadFile(o.root)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("no certificate in %s", o.root)
	}
	var conn *quic.Conn
	dialer := webtransport.Dialer{
		ApplicationProtocols: o.protocolList(),
		TLSClientConfig:      &tls.Config{RootCAs: roots},
		QUICConfig:           &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true},
		DialAddr: func(ctx context.Context, address string, tlsConfig *tls.Config, config *quic.Config) (*quic.Conn, error) {
			var err error
			conn, err = quic.DialAddr(ctx, address, tlsConfig, config)
			return conn, err
		},
	}
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
	defer cancel()
	response, session, err := dialer.Dial(ctx, o.connect, nil)
	if response != nil {
		say("status %d", response.StatusCode)
	}
	if err != nil {
		return err
	}
	attend(session, o)
	<-conn.Context().Done() // its end is on the way
	return nil
}
