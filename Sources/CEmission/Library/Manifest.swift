// SPDX-License-Identifier: Apache-2.0
//
// What the manifest says of an entry point.

package import MixFuseShared
package import Scheduling
import TensorIR

extension Manifest.EntryPoint {
  /// Describes an entry point.
  ///
  /// - Parameters:
  ///   - names: the library's C names.
  ///   - initializers: how to draw the inputs, by name.
  package init(
    _ entry: Program, names: CNames, usefulFlops: Int, initializers: [String: Initializer]
  ) {
    func describe(_ port: Program.Port) -> Manifest.ArrayDescription {
      Manifest.ArrayDescription(
        name: port.name, cName: names.field(port.name), elementType: port.type.dtype.elementType,
        shape: port.type.shape, initializer: initializers[port.name], range: port.range)
    }
    self.init(
      name: entry.name, symbol: "\(names.library)_\(entry.name)", arenaBytes: entry.arenaBytes,
      arenaBytesPerWorker: entry.workerArenaBytes, flops: entry.flops, usefulFlops: usefulFlops,
      inputs: entry.inputs.map(describe), outputs: entry.outputs.map(describe),
      checks: entry.checks.map { check in
        Manifest.PositionCheck(
          subject: check.subject, purpose: check.purpose, location: check.location,
          range: check.range, shape: check.shape)
      })
  }
}
