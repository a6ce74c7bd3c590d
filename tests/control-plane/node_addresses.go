// The addresses of pods and nodes.

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
)

// addressesPerNode is a /23 without its first and last address.
const addressesPerNode = 510

// errNoAddress says that a node's part of the pod network is used up.
var errNoAddress = errors.New("no pod address is left on this node")

// addressPool gives each pod of one node an address of its own. It goes round,
// so an address comes back as late as possible.
type addressPool struct {
	mutex sync.Mutex
	node  int
	last  int
	used  map[netip.Addr]bool
}

// newAddressPool returns the pool of the node with this number, from 0:
// 10.244.0.0/23 for the first, 10.244.2.0/23 for the next.
func newAddressPool(node int) *addressPool {
	return &addressPool{node: node, used: make(map[netip.Addr]bool)}
}

// hostAddress is the address of the node itself.
func hostAddress(node int) string {
	return fmt.Sprintf("10.243.0.%d", node+1)
}

func (p *addressPool) take() (netip.Addr, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for range addressesPerNode {
		p.last = p.last%addressesPerNode + 1
		address := netip.AddrFrom4([4]byte{10, 244, byte(2*p.node + p.last/256), byte(p.last % 256)})
		if !p.used[address] {
			p.used[address] = true
			return address, nil
		}
	}
	return netip.Addr{}, errNoAddress
}

// reserve takes an address that a pod already has.
func (p *addressPool) reserve(address netip.Addr) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.used[address] = true
}

func (p *addressPool) release(address netip.Addr) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.used, address)
}
