package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"zkctl/probe/peers"
)

// The two standalone servers that are asked.

// startZkctl starts `zkctl serve`, and returns the client address.
func startZkctl(t *testing.T) string {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return startStandalone(t, "serving clients", func(file string) *exec.Cmd {
		cmd := exec.Command(self, "serve", file)
		cmd.Env = append(os.Environ(), asProgram+"=1")
		return cmd
	})
}

// startApache starts a Java server.
func startApache(t *testing.T) string {
	return startStandalone(t, "ContainerManager - Using checkIntervalMs", func(file string) *exec.Cmd {
		return peers.Java(context.Background(), t, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dzookeeper.admin.enableServer=false",
			"org.apache.zookeeper.server.quorum.QuorumPeerMain", file)
	})
}

// startStandalone starts a server on an empty folder and waits for a line of its log.
func startStandalone(t *testing.T, serving string, command func(file string) *exec.Cmd) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	folder := t.TempDir()
	file := filepath.Join(folder, "zoo.cfg")
	_, port, _ := net.SplitHostPort(address)
	text := fmt.Sprintf("dataDir=%s\nclientPort=%s\nclientPortAddress=127.0.0.1\ntickTime=2000\n4lw.commands.whitelist=*\n", filepath.Join(folder, "data"), port)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(file)
	log, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	defer stop()
	var said bytes.Buffer
	lines := bufio.NewScanner(io.TeeReader(log, &said))
	read := make(chan struct{})
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-read
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("the server's log:\n%s", tail(said.Bytes(), 6000))
		}
	})
	for lines.Scan() {
		if strings.Contains(lines.Text(), serving) {
			go func() {
				defer close(read)
				for lines.Scan() {
				}
			}()
			return address
		}
	}
	close(read)
	t.Fatal("the server does not start")
	return ""
}
