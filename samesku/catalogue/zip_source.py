"""A catalogue in a .zip, read in place, on this machine or at a URL."""

import stat
import zipfile
import zlib
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import PurePosixPath

from samesku.catalogue import quarantine as q
from samesku.catalogue.quarantine import Fault
from samesku.catalogue.source import Source, check_size, check_table, inside_path, instead, is_table
from samesku.catalogue.url_source import UrlFile
from samesku.errors import InputError

_ENCRYPTED, _UTF8 = 0x1, 0x800  # flags of a member
#: What zipfile raises for a damaged, encrypted or unknown kind of member.
_DAMAGE = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError, ValueError)


class ZipSource(Source):
    def has_folder(self) -> bool:
        return any(name.startswith(self.prefix) for name in self.members)

    def folders(self) -> Iterable[str]:
        return {PurePosixPath(name).parent.as_posix() for name in self.members} - {"."}

    def names(self) -> Iterable[str]:
        return (name.removeprefix(self.prefix) for name in self.members if name.startswith(self.prefix))

    @cached_property
    def members(self) -> dict[str, zipfile.ZipInfo]:
        """The members by the names that they had where they were packed."""
        return {_member_name(info): info for info in self.zip.infolist()}

    @cached_property
    def zip(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(UrlFile(self.path) if isinstance(self.path, str) else self.path)
        except (zipfile.BadZipFile, OSError) as error:
            raise InputError(
                f"data.source: {self.path} is no readable .zip ({error}); allowed: a .zip or a folder"
            ) from None

    @property
    def prefix(self) -> str:
        return f"{self.folder}/" if self.folder else ""

    def table(self) -> bytes:
        try:
            info = self.members[PurePosixPath(self.csv).as_posix()]
        except KeyError:
            tables = instead(filter(is_table, self.members), self.csv)
            raise InputError(f"data.csv: {self.path} has no member {self.csv}{tables}") from None
        if [_member_name(member) for member in self.zip.infolist()].count(_member_name(info)) > 1:
            raise InputError(f"data.csv: {self.path} has {self.csv} twice; allowed: once")
        check_table(f"{self.csv} in {self.path}", info.file_size)
        try:
            return self._read(info)
        except InputError:
            raise
        except _DAMAGE as error:
            raise InputError(f"data.csv: {self.csv} in {self.path} cannot be read ({error})") from None

    def read_picture(self, name: str) -> bytes:
        try:
            info = self.members[self.prefix + inside_path(name).as_posix()]
        except KeyError:
            raise Fault(q.IMAGE_MISSING) from None
        if info.flag_bits & _ENCRYPTED:
            raise Fault(q.IMAGE_ENCRYPTED)
        if stat.S_ISLNK(info.external_attr >> 16):
            raise Fault(q.IMAGE_LINK)
        check_size(info.file_size)
        try:
            return self._read(info)
        except InputError:  # a remote archive that is gone
            raise
        except _DAMAGE:
            raise Fault(q.IMAGE_DAMAGED) from None

    def _read(self, info: zipfile.ZipInfo) -> bytes:
        """A member, never more of it than its size says: compressed, it may hold a thousand times that."""
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NotImplementedError("compressed by a method that cannot be stopped at a size")
        with self.zip.open(info) as member:
            return member.read(info.file_size)


def _member_name(info: zipfile.ZipInfo) -> str:
    """The name of a member: in UTF-8 also where macOS does not say so, and with / where .NET wrote a backslash.

    Some programs put ./ before it.
    """
    name = info.filename
    if not info.flag_bits & _UTF8 and not name.isascii():
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return (name if "/" in name else name.replace("\\", "/")).removeprefix("./")
