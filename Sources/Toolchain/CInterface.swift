// SPDX-License-Identifier: Apache-2.0
//
// The binary interface of a C source as libclang sees it: exported functions and the structures
// they pass. The manifest is written from this, so that it describes the code that was compiled
// and not what the generator meant to write.

/// What a C source exports.
package struct CInterface: Sendable, Hashable {
  /// Functions with external linkage and default visibility, in the order of their first
  /// declaration, system headers left out.
  package let functions: [CFunction]
  /// Structures those functions mention, directly or through others, each after those it contains
  /// or points to where there is no cycle.
  package let structures: [CStructure]

  /// The exported function called `name`.
  package func function(named name: String) -> CFunction? {
    functions.first { $0.name == name }
  }

  /// The structure called `name`, without the word `struct`.
  package func structure(named name: String) -> CStructure? {
    structures.first { $0.name == name }
  }
}

/// An exported function.
package struct CFunction: Sendable, Hashable {
  /// Its symbol.
  package let name: String
  /// What it returns.
  package let result: CType
  /// Its parameters in order.
  package let parameters: [CParameter]
  /// Whether the source holds its body, and not only a prototype.
  package let isDefined: Bool
}

/// A parameter of an exported function.
package struct CParameter: Sendable, Hashable {
  /// Its name, empty if the source gives none.
  package let name: String
  /// Its type.
  package let type: CType
}

/// A structure with its layout on the target.
package struct CStructure: Sendable, Hashable {
  /// Its tag, or the `typedef` name of one without a tag.
  package let name: String
  /// Its fields in order; empty if the source only declares the structure.
  package let fields: [CField]
  /// Size in bytes; 0 if the source only declares the structure.
  package let byteSize: Int
}

/// A field of a structure.
package struct CField: Sendable, Hashable {
  /// Its name.
  package let name: String
  /// Its type.
  package let type: CType
  /// Bytes from the start of the structure.
  package let byteOffset: Int
}

/// A C type, with every `typedef` looked through.
package indirect enum CType: Sendable, Hashable {
  /// No value.
  case void
  /// `_Bool`.
  case boolean
  /// `char`, the type of text.
  case character
  /// Any other integer type.
  case integer(bits: Int, isSigned: Bool)
  /// `float` (32 bits) or `double` (64 bits).
  case floating(bits: Int)
  /// A pointer; whether what it points to is `const` decides inputs from outputs.
  case pointer(to: CType, isConstant: Bool)
  /// An array of known length.
  case array(of: CType, count: Int)
  /// A structure of `CInterface.structures`.
  case structure(String)
  /// A function, seen through a pointer.
  case function(result: CType, parameters: [CType])
  /// Anything that generated C should not export, in C's spelling.
  case other(String)
}
