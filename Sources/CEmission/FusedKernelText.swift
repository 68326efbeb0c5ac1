// SPDX-License-Identifier: Apache-2.0
//
// Prints a fused kernel as a C function: its loop nest, one scalar definition a line. Nothing is
// decided here; the nest, its order and its scalars come from the scheduler.

import Scheduling
import TensorIR

/// The C of one kernel, whichever its kind.
struct KernelText {
  /// Complete function definitions, the kernel's own last.
  var text: String
  var requiredHelpers: Set<String>
  /// Units that the kernel's trailing parameters `begin` and `end` range over; `nil` if it has none.
  var splitCount: Int?
}

extension FusedKernel {
  /// Writes the function `name`.
  ///
  /// Parameters: the arrays `p0, p1, ...`, step indices `n0, ...`, and if it can be split
  /// `begin, end`, the range of its outermost independent loop.
  func text(named name: String, parameters: [Parameter]) -> KernelText {
    var printer = FusedKernelPrinter(kernel: self, parameters: parameters)
    return printer.print(named: name)
  }
}

private struct FusedKernelPrinter {
  let kernel: FusedKernel
  let parameters: [Parameter]
  private var spelling = ScalarSpelling()

  init(kernel: FusedKernel, parameters: [Parameter]) {
    self.kernel = kernel
    self.parameters = parameters
  }

  mutating func print(named name: String) -> KernelText {
    var signature = parameters.enumerated().map { index, parameter in
      "\(parameter.isWritten ? "" : "const ")\(parameter.dtype.cName) *restrict p\(index)"
    }
    signature += (0..<kernel.indexParameterCount).map { "int64_t n\($0)" }
    if kernel.splitVariable != nil { signature += ["int64_t begin", "int64_t end"] }
    var writer = CWriter()
    writer.function("MF_KERNEL static void \(name)", signature) { writer in
      write(kernel.statements, to: &writer)
    }
    return KernelText(
      text: writer.text, requiredHelpers: spelling.requiredHelpers,
      splitCount: kernel.splitVariable == nil ? nil : kernel.splitExtent)
  }

  private mutating func write(_ statements: [Statement], to writer: inout CWriter) {
    for statement in statements { write(statement, to: &writer) }
  }

  private mutating func write(_ statement: Statement, to writer: inout CWriter) {
    switch statement {
    case .loop(let variable, let extent, let body):
      let isSplit = variable == kernel.splitVariable
      writer.loop(
        "i\(variable)", from: isSplit ? "begin" : "0", below: isSplit ? "end" : "\(extent)"
      ) { write(body, to: &$0) }
    case .define(let scalar, let expression):
      let type = kernel.scalars[scalar]
      writer.line("const \(type.cName) s\(scalar) = \(spell(expression, type));")
    case .store(let parameter, let index, let scalar):
      writer.line("\(element(parameter, index)) = s\(scalar);")
    case .accumulator(let scalar, let initial):
      let type = kernel.scalars[scalar]
      writer.line("\(type.cName) s\(scalar) = \(type.literal(initial));")
    case .accumulate(let scalar, let reduction, let value):
      writer.line("s\(scalar) = \(combine(reduction, "s\(scalar)", "s\(value)", value));")
    case .accumulateInMemory(let parameter, let index, let reduction, let value):
      let place = element(parameter, index)
      writer.line("\(place) = \(combine(reduction, place, "s\(value)", value));")
    }
  }

  /// A reduction's combination may be reassociated, so that it runs in vector lanes; the order is
  /// fixed when the library is compiled.
  private mutating func combine(
    _ reduction: Reduction, _ a: String, _ b: String, _ value: Int
  ) -> String {
    let type = kernel.scalars[value]
    if type == .i32 {
      switch reduction {
      case .sum: return "\(a) + \(b)"
      case .maximum: return "\(a) > \(b) ? \(a) : \(b)"
      }
    }
    return spelling.combine(reduction, a, b, type)
  }

  private mutating func spell(_ expression: ScalarExpression, _ type: DType) -> String {
    switch expression {
    case .constant(let value): return type.literal(value)
    case .index(let index): return "(int32_t)(\(text(of: index)))"
    case .stepIndex(let number): return "(int32_t)n\(number)"
    case .load(let parameter, let index): return element(parameter, index)
    case .apply(let op, let operands):
      return spelling.expression(
        op, operands.map { "s\($0)" }, operands.map { kernel.scalars[$0] }, result: type)
    }
  }

  private func element(_ parameter: Int, _ index: ElementIndex) -> String {
    "p\(parameter)[\(text(of: index))]"
  }

  private func text(of index: ElementIndex) -> String {
    func product(_ name: String, _ stride: Int) -> String {
      stride == 1 ? name : "\(name) * \(stride)"
    }
    var terms = index.lookups.map { product("(int64_t)s\($0.variable)", $0.stride) }
    terms += index.terms.map { product("i\($0.variable)", $0.stride) }
    if index.offset != 0 || terms.isEmpty { terms.append("\(index.offset)") }
    return terms.joined(separator: " + ")
  }
}
