// Small helpers for files: whole writes, ends of logs.

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// writeFileAtomically makes path appear with its whole content or not at all,
// readable by the owner only.
func writeFileAtomically(path string, content []byte) error {
	partial := path + ".partial"
	if err := os.WriteFile(partial, content, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(partial, path); err != nil {
		return fmt.Errorf("publish %s: %w", path, err)
	}
	return nil
}

// tailLimit is how much of the end of a log is read to show its last lines.
const tailLimit = 64 << 10

// tail returns the last lines of a file, or why they cannot be read: its reader
// wants text in either case.
func tail(path string, lines int) string {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Sprintf("(no log: %v)", err)
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > tailLimit {
		if _, err := file.Seek(-tailLimit, io.SeekEnd); err != nil {
			return fmt.Sprintf("(cannot read the log: %v)", err)
		}
	}
	content, err := io.ReadAll(io.LimitReader(file, tailLimit))
	if err != nil {
		return fmt.Sprintf("(cannot read the log: %v)", err)
	}
	all := bytes.Split(bytes.TrimRight(content, "\n"), []byte("\n"))
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return string(bytes.Join(all, []byte("\n")))
}
