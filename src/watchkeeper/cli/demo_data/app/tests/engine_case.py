"""A test case with two fresh databases."""

import os
import tempfile
import unittest
from unittest import mock

from engine import schema


class EngineCase(unittest.TestCase):
    """Each test gets a data folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        environment = mock.patch.dict(os.environ, ENGINE_DATA=folder.name)
        environment.start()
        self.addCleanup(environment.stop)
        schema.create_tables()
