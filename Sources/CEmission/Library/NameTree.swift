// SPDX-License-Identifier: Apache-2.0
//
// The arrays of an entry point by the parts of their names, as bindings show them: `eta.w1` and
// `eta.b1` are the group `eta` with `w1` and `b1`.

import MixFuseShared

/// A part of a name, and what it leads to.
struct NamedPart {
  /// An array, by its description, or a group of arrays.
  enum Content {
    case array(Manifest.ArrayDescription)
    case group([NamedPart])
  }
  let key: String
  var part: Content
}

/// Arrays by the parts of their names.
struct NameTree {
  /// The parts in the order of the manifest.
  private(set) var parts: [NamedPart] = []

  /// Groups arrays; where an array's name also begins other names, those others stay whole, as in
  /// the dictionaries of the Python package.
  init(_ arrays: [Manifest.ArrayDescription]) {
    let names = Set(arrays.map(\.name))
    for array in arrays {
      let path = array.name.split(separator: ".").map(String.init)
      let hidden = path.indices.dropFirst().contains {
        names.contains(path[..<$0].joined(separator: "."))
      }
      insert(array, at: hidden ? [array.name] : path[...])
    }
  }

  private mutating func insert(_ array: Manifest.ArrayDescription, at path: ArraySlice<String>) {
    guard let key = path.first, path.count > 1 else {
      parts.append(NamedPart(key: path.first ?? array.name, part: .array(array)))
      return
    }
    let place = parts.firstIndex { $0.key == key }
    var group = NameTree([])
    if let place, case .group(let found) = parts[place].part { group.parts = found }
    group.insert(array, at: path.dropFirst())
    if let place {
      parts[place].part = .group(group.parts)
    } else {
      parts.append(NamedPart(key: key, part: .group(group.parts)))
    }
  }
}

extension [NamedPart] {
  /// The names and types within: groups that have the same are the same type.
  var structure: String {
    let texts = map { part in
      switch part.part {
      case .array(let array): "\(part.key): \(array.valueDescription)"
      case .group(let group): "\(part.key): {\(group.structure)}"
      }
    }
    return texts.joined(separator: "; ")
  }
}

extension Manifest.ArrayDescription {
  /// Type, shape and range, as comments show them: `i32 [5], 0 to 4`.
  var valueDescription: String {
    typeDescription + (range.map { ", \($0[0]) to \($0[1])" } ?? "")
  }
}
