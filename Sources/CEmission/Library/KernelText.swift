// SPDX-License-Identifier: Apache-2.0
//
// What every writer of kernels returns.

/// The C of one kernel, whichever its kind.
package struct KernelText: Sendable {
  /// Complete function definitions, the kernel's own last.
  package var text: String
  /// Symbols of `Templates/runtime` helpers that the text calls.
  package var requiredHelpers: Set<String>
}
