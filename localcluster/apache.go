package localcluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// apacheEngine is what it takes to start Apache ZooKeeper: a JVM and the server's jars.
type apacheEngine struct {
	java      string
	classpath string
}

const installApache = "install it (Debian: `apt install default-jre-headless libzookeeper-java`), or unpack a release and set ZOOKEEPER_HOME to it, " +
	"or use the embedded engine, which needs neither"

// findApache looks for Java in JAVA_HOME and the PATH, and for ZooKeeper's jars in ZOOKEEPER_HOME
// (a release as Apache ships it) and where Debian puts them.
func findApache(getenv func(string) string) (apacheEngine, error) {
	var engine apacheEngine
	if home := getenv("JAVA_HOME"); home != "" {
		engine.java = filepath.Join(home, "bin", "java")
		if _, err := os.Stat(engine.java); err != nil {
			return engine, fail(CodeFailed, "point JAVA_HOME at a Java runtime, or unset it", "the apache engine needs Java: %w", err)
		}
	} else {
		path, err := exec.LookPath("java")
		if err != nil {
			return engine, fail(CodeFailed, installApache, "the apache engine needs Java, and there is no `java` in the PATH")
		}
		engine.java = path
	}
	jars := apacheJars(getenv("ZOOKEEPER_HOME"))
	if len(jars) == 0 {
		return engine, fail(CodeFailed, installApache, "the apache engine needs ZooKeeper's jars, which are neither under ZOOKEEPER_HOME nor in %s", debianJars)
	}
	engine.classpath = strings.Join(jars, string(filepath.ListSeparator))
	return engine, nil
}

const debianJars = "/usr/share/java"

func apacheJars(home string) []string {
	if home != "" {
		// A release has everything in lib; one built from source has the server's jar on top.
		jars, _ := filepath.Glob(filepath.Join(home, "lib", "*.jar"))
		top, _ := filepath.Glob(filepath.Join(home, "zookeeper-*.jar"))
		return append(top, jars...)
	}
	server := filepath.Join(debianJars, "zookeeper.jar")
	if _, err := os.Stat(server); err != nil {
		return nil
	}
	// Debian's zookeeper.jar names its dependencies in its manifest, but no logger.
	jars := []string{server}
	if simple := filepath.Join(debianJars, "slf4j-simple.jar"); fileExists(simple) {
		jars = append(jars, simple)
	}
	return jars
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// apacheMain is the class that runs a server.
const apacheMain = "org.apache.zookeeper.server.quorum.QuorumPeerMain"

// command is the argument list that runs one member in a JVM.
//
// The JVM options bound the memory, because several JVMs run at once, and leave out the JIT compiler's second
// tier, because a local ensemble should start quickly. The loggers named are those that write a line for every
// four-letter word, of which zkctl sends several a second.
func (e apacheEngine) command(config string) []string {
	args := []string{e.java,
		"-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"-Dzookeeper.admin.enableServer=false",
		"-Dorg.slf4j.simpleLogger.showDateTime=true",
		"-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
	}
	for _, class := range []string{"NIOServerCnxn", "NettyServerCnxn"} {
		args = append(args, "-Dorg.slf4j.simpleLogger.log.org.apache.zookeeper.server."+class+"=warn")
	}
	return append(args, "-cp", e.classpath, apacheMain, config)
}

// CheckApache says what the apache engine lacks on this machine; nil is nothing. `up --dry-run` asks it, and so do tests.
func CheckApache(getenv func(string) string) error {
	_, err := findApache(getenv)
	return err
}
