"""One simulated Venice: its keys, its models, what was asked of it, and what it should do next."""

import threading
import time

import answers
import faults
from collateral import Collateral
from entropy import Entropy
from gpu import Gpus
from models import catalogue
from nras import Nras
from pki import Pki, certificate, days, name, now, pem
from quote import Platform


class World:
    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.entropy = Entropy(options.seed)
        self.pki = Pki(self.entropy)
        self.platform = Platform(self.entropy, self.pki)
        self.gpus = Gpus(self.entropy, now() - days(400))
        self.nras = Nras(self)
        self.models = catalogue(self.entropy)
        self.evil = None
        self.stop = threading.Event()
        self.app_cert = None
        self.reset()

    def reset(self):
        """Forget what tests did. Keys stay, for clients may hold sessions."""
        self.log = []
        self.chats = {}
        self.asked = []  # times of attestation and signature requests, for the budget fault
        self.faults = faults.Active()
        self.answers = answers.Script()
        self.quote_version, self.quote_body, self.ca = self.options.quote_version, '1.0', 'platform'
        self.relaunch = False
        self.collateral = Collateral(self)

    def model(self, id_):
        return next((m for m in self.models if m.id == id_), None)

    def quote_options(self):
        options = {'version': self.quote_version, 'ca': self.ca,
                   'body': self.quote_body if self.quote_version == 5 else '1.0'}
        if self.relaunch:  # started on an old module, which is patched by now
            options['tee_tcb_svn'] = bytes([4, 1, 2]) + bytes(13)
        return options

    def evil_platform(self):
        """The same machine under a root that nobody trusts."""
        if self.evil is None:
            self.evil = Platform(self.entropy, Pki(self.entropy, 'evil'))
        return self.evil

    def app_certificate(self):
        """dstack shows a certificate of the application; nothing hangs on it here."""
        if self.app_cert is None:
            key, subject = self.entropy.p256('app'), name('Simulated App CA')
            self.app_cert = pem(certificate(subject, key, subject, key, begin=now() - days(30),
                                            end=now() + days(300), serial=0x5E01))
        return self.app_cert

    def within_budget(self, per_minute):
        """The real service gives attestation and signatures ten requests a minute together."""
        with self.lock:
            moment = time.time()
            self.asked = [t for t in self.asked if t > moment - 60]
            if len(self.asked) >= per_minute:
                return False
            self.asked.append(moment)
            return True

    def note(self, entry):
        with self.lock:
            entry['n'] = len(self.log)
            self.log.append(entry)

    def remember(self, chat):
        with self.lock:
            self.chats[chat['id']] = chat
            while len(self.chats) > 500:
                self.chats.pop(next(iter(self.chats)))
