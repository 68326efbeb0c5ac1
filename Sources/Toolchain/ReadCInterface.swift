// SPDX-License-Identifier: Apache-2.0
//
// Walks libclang's syntax tree and describes what it exports. libclang calls back through C
// function pointers, which capture nothing, so the state of the walk travels as an opaque pointer
// to an `InterfaceReader`.

import CLLVM

/// The exported functions of a translation unit without errors, and their structures.
func readInterface(of unit: CXTranslationUnit) -> CInterface {
  let reader = InterfaceReader()
  clang_visitChildren(
    clang_getTranslationUnitCursor(unit),
    { cursor, _, state in
      guard let state else { return CXChildVisit_Break }
      Unmanaged<InterfaceReader>.fromOpaque(state).takeUnretainedValue().addFunction(cursor)
      return CXChildVisit_Continue
    },
    Unmanaged.passUnretained(reader).toOpaque())
  return CInterface(functions: reader.functions, structures: reader.structures)
}

private final class InterfaceReader {
  private(set) var functions: [CFunction] = []
  private(set) var structures: [CStructure] = []
  private var positions: [String: Int] = [:]
  private var visitedStructures: Set<String> = []

  /// Adds a declaration if it is an exported function; a definition replaces a prototype.
  func addFunction(_ cursor: CXCursor) {
    guard clang_getCursorKind(cursor) == CXCursor_FunctionDecl,
      clang_getCursorLinkage(cursor) == CXLinkage_External,
      clang_getCursorVisibility(cursor) == CXVisibility_Default,
      clang_Location_isInSystemHeader(clang_getCursorLocation(cursor)) == 0
    else { return }
    let function = CFunction(
      name: takeString(clang_getCursorSpelling(cursor)),
      result: type(clang_getCursorResultType(cursor)),
      parameters: (0..<max(0, clang_Cursor_getNumArguments(cursor))).map { index in
        let argument = clang_Cursor_getArgument(cursor, UInt32(index))
        return CParameter(
          name: takeString(clang_getCursorSpelling(argument)),
          type: type(clang_getCursorType(argument)))
      },
      isDefined: clang_isCursorDefinition(cursor) != 0)
    if let position = positions[function.name] {
      if function.isDefined { functions[position] = function }
    } else {
      positions[function.name] = functions.count
      functions.append(function)
    }
  }

  private func type(_ written: CXType) -> CType {
    let type = clang_getCanonicalType(written)
    switch type.kind {
    case CXType_Void: return .void
    case CXType_Bool: return .boolean
    case CXType_Char_S, CXType_Char_U: return .character
    case CXType_SChar, CXType_Short, CXType_Int, CXType_Long, CXType_LongLong:
      return .integer(bits: bits(of: type), isSigned: true)
    case CXType_UChar, CXType_UShort, CXType_UInt, CXType_ULong, CXType_ULongLong:
      return .integer(bits: bits(of: type), isSigned: false)
    case CXType_Float, CXType_Double: return .floating(bits: bits(of: type))
    case CXType_Pointer:
      let pointee = clang_getPointeeType(type)
      return .pointer(
        to: self.type(pointee), isConstant: clang_isConstQualifiedType(pointee) != 0)
    case CXType_ConstantArray:
      return .array(
        of: self.type(clang_getArrayElementType(type)), count: Int(clang_getArraySize(type)))
    case CXType_FunctionProto:
      return .function(
        result: self.type(clang_getResultType(type)),
        parameters: (0..<max(0, clang_getNumArgTypes(type))).map {
          self.type(clang_getArgType(type, UInt32($0)))
        })
    case CXType_Record:
      let declaration = clang_getTypeDeclaration(type)
      guard clang_getCursorKind(declaration) == CXCursor_StructDecl else { break }
      return .structure(addStructure(declaration, type))
    default: break
    }
    return .other(takeString(clang_getTypeSpelling(type)))
  }

  private func bits(of type: CXType) -> Int { 8 * Int(clang_Type_getSizeOf(type)) }

  /// Adds a structure on its first mention and returns its name.
  private func addStructure(_ declaration: CXCursor, _ type: CXType) -> String {
    let name = takeString(clang_getCursorSpelling(declaration))
    guard visitedStructures.insert(name).inserted else { return name }
    let fields = FieldList()
    clang_Type_visitFields(
      type,
      { cursor, state in
        guard let state else { return CXVisit_Break }
        Unmanaged<FieldList>.fromOpaque(state).takeUnretainedValue().cursors.append(cursor)
        return CXVisit_Continue
      },
      Unmanaged.passUnretained(fields).toOpaque())
    let structure = CStructure(
      name: name,
      fields: fields.cursors.map { cursor in
        CField(
          name: takeString(clang_getCursorSpelling(cursor)),
          type: self.type(clang_getCursorType(cursor)),
          byteOffset: Int(clang_Cursor_getOffsetOfField(cursor)) / 8)
      },
      byteSize: max(0, Int(clang_Type_getSizeOf(type))))
    structures.append(structure)
    return name
  }
}

private final class FieldList {
  var cursors: [CXCursor] = []
}
