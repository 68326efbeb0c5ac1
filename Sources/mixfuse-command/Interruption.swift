// SPDX-License-Identifier: Apache-2.0
//
// Ctrl-C as a request: the first one lets the running step finish and the state be saved, the second
// one ends the process as usual.

import Foundation
import Synchronization

/// Watches for an interruption from the keyboard, or for the polite request to end (SIGTERM).
struct Interruption {
  private static let wasRequested = Atomic(false)

  /// Starts watching, even if the program that started this one had shut its ears.
  init() {
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM] {
      sigaddset(&signals, number)
      signal(number) { received in
        Self.wasRequested.store(true, ordering: .relaxed)
        signal(received, SIG_DFL)
      }
    }
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  /// Whether the user has asked to stop.
  var isRequested: Bool { Self.wasRequested.load(ordering: .relaxed) }
}
