// SPDX-License-Identifier: Apache-2.0
//
// A number for a text, where equal texts must have equal numbers on every machine and nobody wants to
// make two texts meet.
//
// Source: Fowler, Noll, Vo: FNV-1a with the constants of the 64-bit variant.

/// FNV-1a of a text in UTF-8.
///
/// - Cost: one multiplication a byte.
package func fingerprint(of text: String) -> UInt64 {
  text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}
