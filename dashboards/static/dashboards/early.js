// Runs before the first paint: tells the stylesheet that scripts work, and the server which clock the reader lives by.
document.documentElement.classList.add("script");
{
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const known = document.cookie.split("; ").includes(`timezone=${encodeURIComponent(zone)}`);
  if (zone && !known) {
    document.cookie = `timezone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;
  }
}
