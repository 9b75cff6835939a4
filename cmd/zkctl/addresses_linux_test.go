package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-zookeeper/zk"
)

// Servers whose own names resolve to an address that the others do not use, as where a
// host's name is 127.0.1.1 in its own table, find each other with quorumListenOnAllIPs.
// (On Linux all of 127/8 is loopback.)
func TestQuorumListenOnAllIPs(t *testing.T) {
	e := at(t, t.TempDir())
	const servers = 3
	var ports [3 * servers]int
	var listeners []net.Listener
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports[i] = listener.Addr().(*net.TCPAddr).Port
		listeners = append(listeners, listener) // all are open at once, so that no port is given out twice
	}
	for _, listener := range listeners {
		listener.Close()
	}
	var clients []string
	for self := range servers {
		dir := filepath.Join(e.home, fmt.Sprint(self+1))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("tickTime=200\ninitLimit=10\nsyncLimit=5\ndataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\nquorumListenOnAllIPs=true\n",
			dir, ports[self])
		for id := range servers {
			host := "127.0.0.1"
			if id == self {
				host = "127.0.1.1"
			}
			text += fmt.Sprintf("server.%d=%s:%d:%d\n", id+1, host, ports[servers+id], ports[2*servers+id])
		}
		config := filepath.Join(dir, "zoo.cfg")
		for path, content := range map[string]string{config: text, filepath.Join(dir, "myid"): fmt.Sprint(self + 1)} {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		server := exec.CommandContext(e.ctx, e.self(), "serve", config)
		server.Env = e.env
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			_ = server.Process.Kill()
			_ = server.Wait()
		}()
		clients = append(clients, loopback(ports[self]))
	}
	for i, address := range clients {
		c, _ := dialGo(t, address)
		e.eventually("a write through "+address, func() error {
			_, err := c.Create(fmt.Sprintf("/by%d", i), nil, 0, zk.WorldACL(zk.PermAll))
			return err
		})
		c.Close()
	}
}
