// SPDX-License-Identifier: Apache-2.0
//
// One LLVM module in a context of its own: read from bitcode, optimised, printed or emitted, all
// through LLVM's C API. Because nothing is shared between contexts, several modules can be worked
// on at once, each on one thread.

import CLLVM
import Glibc
import MixFuseShared

/// A module in memory, freed with its context when released. For one thread at a time.
final class LLVMModule {
  private let name: String
  private let context: LLVMContextRef
  private let module: LLVMModuleRef
  private let collector = MessageCollector()

  /// Reads a module from bitcode.
  ///
  /// - Parameters:
  ///   - bitcode: a whole bitcode file.
  ///   - name: for messages, and as the source file name in the object.
  /// - Throws: `toolchain.llvm-failed`.
  init(bitcode: [UInt8], name: String) throws(ToolchainError) {
    prepareLLVM()
    guard let context = LLVMContextCreate() else {
      throw .llvmFailed(step: "create a context for", name: name, messages: [])
    }
    LLVMContextSetDiagnosticHandler(
      context, collectDiagnostic, Unmanaged.passUnretained(collector).toOpaque())

    var parsed: LLVMModuleRef?
    bitcode.withUnsafeBufferPointer { bytes in
      bytes.withMemoryRebound(to: CChar.self) { characters in
        let buffer = LLVMCreateMemoryBufferWithMemoryRange(
          characters.baseAddress, characters.count, name, 0)
        LLVMParseBitcodeInContext2(context, buffer, &parsed)
        // Parsing is eager, but the buffer stays ours.
        LLVMDisposeMemoryBuffer(buffer)
      }
    }
    guard let module = parsed else {
      LLVMContextDispose(context)
      throw .llvmFailed(step: "read the bitcode of", name: name, messages: collector.errors)
    }
    LLVMSetSourceFileName(module, name, name.utf8.count)
    self.name = name
    self.context = context
    self.module = module
  }

  deinit {
    LLVMDisposeModule(module)
    LLVMContextDispose(context)
  }

  /// Warnings that LLVM gave so far, such as a loop that could not be unrolled as asked.
  var warnings: [String] { collector.warnings }

  /// The module as LLVM's assembly language.
  var text: String { takeMessage(LLVMPrintModuleToString(module)) }

  /// The value of a string attribute of a function, `nil` if either is missing.
  func functionAttribute(_ attribute: String, of function: String) -> String? {
    // LLVMAttributeFunctionIndex is an enumerator that Swift imports as a signed number.
    let functionIndex = LLVMAttributeIndex(bitPattern: Int32(LLVMAttributeFunctionIndex))
    guard let value = LLVMGetNamedFunction(module, function),
      let found = LLVMGetStringAttributeAtIndex(
        value, functionIndex, attribute, UInt32(attribute.utf8.count))
    else { return nil }
    var length: UInt32 = 0
    guard let start = LLVMGetStringAttributeValue(found, &length) else { return nil }
    let characters = UnsafeBufferPointer(start: start, count: Int(length))
    return characters.withMemoryRebound(to: UInt8.self) { String(decoding: $0, as: UTF8.self) }
  }

  /// Runs LLVM's standard pipeline for `level` and checks that the result is valid.
  ///
  /// - Throws: `toolchain.llvm-failed`.
  func optimize(_ level: OptimizationLevel, on machine: TargetMachine) throws(ToolchainError) {
    let options = LLVMCreatePassBuilderOptions()
    defer { LLVMDisposePassBuilderOptions(options) }
    // Clang turns both on from -O2; the C API's default is off.
    let vectorizes: LLVMBool = level >= .standard ? 1 : 0
    LLVMPassBuilderOptionsSetLoopVectorization(options, vectorizes)
    LLVMPassBuilderOptionsSetSLPVectorization(options, vectorizes)
    LLVMPassBuilderOptionsSetLoopInterleaving(options, vectorizes)
    LLVMPassBuilderOptionsSetLoopUnrolling(options, 1)
    let failure = LLVMRunPasses(module, level.pipeline, machine.reference, options)
    try check(failure.map { takeError($0) }, step: "optimise")

    var message: UnsafeMutablePointer<CChar>?
    let isBroken = LLVMVerifyModule(module, LLVMReturnStatusAction, &message)
    let complaint = takeMessage(message)
    try check(isBroken != 0 ? complaint : nil, step: "verify")
  }

  /// Generates machine code: an object file or assembly text. The module is used up.
  ///
  /// - Throws: `toolchain.llvm-failed`.
  func emit(_ kind: LLVMCodeGenFileType, on machine: TargetMachine) throws(ToolchainError)
    -> [UInt8]
  {
    // Text is for people: with LLVM's notes on loops and spilled registers.
    LLVMSetTargetMachineAsmVerbosity(machine.reference, kind == LLVMAssemblyFile ? 1 : 0)
    var message: UnsafeMutablePointer<CChar>?
    var buffer: LLVMMemoryBufferRef?
    let failed = LLVMTargetMachineEmitToMemoryBuffer(
      machine.reference, module, kind, &message, &buffer)
    defer { LLVMDisposeMemoryBuffer(buffer) }
    let complaint = takeMessage(message)
    try check(failed != 0 ? complaint : nil, step: "generate code for")
    return [UInt8](
      UnsafeRawBufferPointer(start: LLVMGetBufferStart(buffer), count: LLVMGetBufferSize(buffer)))
  }

  /// Throws if a step failed or left an error in the context.
  private func check(_ failure: String?, step: String) throws(ToolchainError) {
    let messages = (failure.map { [$0] } ?? []) + collector.errors
    guard messages.isEmpty else {
      throw .llvmFailed(step: step, name: name, messages: messages)
    }
  }
}

/// A code generator for one target, freed when released. For one thread at a time.
final class TargetMachine {
  /// LLVM's handle.
  let reference: LLVMTargetMachineRef

  /// Sets up code generation at `level`.
  ///
  /// - Throws: `toolchain.llvm-failed` if this LLVM was built without the target.
  init(_ target: TargetDescription, level: OptimizationLevel) throws(ToolchainError) {
    prepareLLVM()
    var handle: LLVMTargetRef?
    var message: UnsafeMutablePointer<CChar>?
    let failed = LLVMGetTargetFromTriple(target.triple, &handle, &message)
    let complaint = takeMessage(message)
    guard failed == 0,
      let reference = LLVMCreateTargetMachine(
        handle, target.triple, target.cpu, target.featureString, level.codeGeneration,
        LLVMRelocPIC, LLVMCodeModelDefault)
    else {
      throw .llvmFailed(step: "find the target", name: target.triple, messages: [complaint])
    }
    self.reference = reference
  }

  deinit { LLVMDisposeTargetMachine(reference) }
}

/// The messages of one context, sorted by severity. Remarks, of which there are thousands, are
/// dropped before their text is made.
private final class MessageCollector {
  var errors: [String] = []
  var warnings: [String] = []
}

private let collectDiagnostic: LLVMDiagnosticHandler = { diagnostic, context in
  guard let context, let diagnostic else { return }
  let collector = Unmanaged<MessageCollector>.fromOpaque(context).takeUnretainedValue()
  switch LLVMGetDiagInfoSeverity(diagnostic) {
  case LLVMDSError:
    collector.errors.append(takeMessage(LLVMGetDiagInfoDescription(diagnostic)))
  case LLVMDSWarning:
    collector.warnings.append(takeMessage(LLVMGetDiagInfoDescription(diagnostic)))
  default:
    break
  }
}

private func takeError(_ error: LLVMErrorRef) -> String {
  guard let message = LLVMGetErrorMessage(error) else { return "" }
  defer { LLVMDisposeErrorMessage(message) }
  return String(cString: message)
}

/// Registers the host's target once per process, and what happens when LLVM cannot go on.
///
/// After a fatal error LLVM never returns to its caller: it calls the handler and then exits with
/// status 1, which would tell the user that the mistake is theirs. So the handler, alone in this
/// target, prints and ends the process itself, with the exit code of a compiler bug.
func prepareLLVM() {
  guard isLLVMPrepared else {
    preconditionFailure("compiler bug: LLVM has no code generator for this machine")
  }
}

private let isLLVMPrepared: Bool = {
  // libclang registers all targets whenever it makes an index, without a lock: two threads at that, or
  // one of them at the lines below, can tie LLVM's list of targets into a ring, which is then searched
  // for ever. What is registered is not registered again, so one index made here ends the race.
  clang_disposeIndex(clang_createIndex(0, 0))
  LLVMInstallFatalErrorHandler { reason in
    let cause = reason.map { String(cString: $0) } ?? "unknown reason"
    let message = Array("error: LLVM stopped: \(cause) [toolchain.llvm-fatal]\n".utf8)
    _ = message.withUnsafeBytes { writeFully($0, to: STDERR_FILENO) }
    _exit(3)
  }
  return LLVMInitializeNativeTarget() == 0 && LLVMInitializeNativeAsmPrinter() == 0
    && LLVMInitializeNativeAsmParser() == 0
}()
