// SPDX-License-Identifier: Apache-2.0
//
// What a caller of a library must know of it: names, sizes of dimensions, arrays and arenas. All of
// it goes into a digest, which stands in the library, in its header, its Swift binding and its
// manifest: a caller that was built with the header of another build is refused instead of reading
// and writing past the ends of its arrays.

import MixFuseShared
package import Scheduling

/// The interface of one library.
package struct LibraryInterface: Sendable {
  /// The C names.
  package let names: CNames
  /// The sizes that the dimensions were bound to.
  package let dims: [(name: String, value: Int)]
  package let entryPoints: [Program]

  /// Describes a library.
  package init(spec: String, dims: [(name: String, value: Int)], entryPoints: [Program]) {
    names = CNames(spec: spec, entryPoints: entryPoints)
    self.dims = dims
    self.entryPoints = entryPoints
  }

  /// 16 hexadecimal digits that differ between interfaces, arenas included: what C callers need.
  package var digest: String {
    let arenas = entryPoints.map { "arena \($0.arenaBytes) \($0.workerArenaBytes)\n" }.joined()
    return digits(of: arrays + arenas)
  }

  /// The same without the sizes of arenas, which differ between processors: callers that ask the
  /// manifest for those need this.
  package var arraysDigest: String { digits(of: arrays) }

  private var arrays: String {
    var text = "abi \(Manifest.abiVersion) \(names.library)\n"
    for dim in dims { text += "dim \(dim.name) \(dim.value)\n" }
    for entry in entryPoints {
      text += "entry \(entry.name)\n"
      for port in entry.inputs { text += "in \(names.field(port.name)) \(port.type)\n" }
      for port in entry.outputs { text += "out \(names.field(port.name)) \(port.type)\n" }
    }
    return text
  }
}

/// The fingerprint of a text in 16 hexadecimal digits.
private func digits(of text: String) -> String {
  let digits = String(fingerprint(of: text), radix: 16)
  return String(repeating: "0", count: 16 - digits.count) + digits
}
